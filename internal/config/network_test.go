package config

import (
	"slices"
	"strings"
	"testing"
)

func TestNetwork(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		env   map[string]string
		wrong string
		right func(Network) bool
	}{
		"none":             {right: func(n Network) bool { return n.Proxy == nil && n.NoProxy == nil && !n.FIPS && !n.DualStack }},
		"a proxy":          {env: map[string]string{"HTTPS_PROXY": "http://proxy.example:3128"}, right: func(n Network) bool { return n.Proxy.Host == "proxy.example:3128" }},
		"over TLS":         {env: map[string]string{"HTTPS_PROXY": "https://proxy.example/", "AWS_CA_BUNDLE": "/opt/ca.pem"}, right: func(n Network) bool { return n.Proxy.Scheme == "https" && n.CABundle != "" }},
		"a login":          {env: map[string]string{"HTTPS_PROXY": "http://me:hush@proxy.example:3128"}, wrong: "user name or password"},
		"no scheme":        {env: map[string]string{"HTTPS_PROXY": "proxy.example:3128"}, wrong: "is no address"},
		"another scheme":   {env: map[string]string{"HTTPS_PROXY": "socks5://proxy.example:1080"}, wrong: "socks5"},
		"a path":           {env: map[string]string{"HTTPS_PROXY": "http://proxy.example:3128/hush"}, wrong: "more than a host"},
		"unreadable":       {env: map[string]string{"HTTPS_PROXY": "http://me:hush pass@proxy.example"}, wrong: "is no address"},
		"exceptions":       {env: map[string]string{"NO_PROXY": " rc.example, .example.com,10.0.0.0/8,*,[::1]:80"}, right: func(n Network) bool { return slices.Contains(n.NoProxy, "10.0.0.0/8") && len(n.NoProxy) == 5 }},
		"an URL excepted":  {env: map[string]string{"NO_PROXY": "https://rc.example"}, wrong: "neither a host nor a network"},
		"spaces between":   {env: map[string]string{"NO_PROXY": "rc.example other.example"}, wrong: "separated by commas"},
		"FIPS, two stacks": {env: map[string]string{"AWS_USE_FIPS_ENDPOINT": "true", "AWS_USE_DUALSTACK_ENDPOINT": "TRUE"}, right: func(n Network) bool { return n.FIPS && n.DualStack }},
		"half FIPS":        {env: map[string]string{"AWS_USE_FIPS_ENDPOINT": "on"}, wrong: "AWS_USE_FIPS_ENDPOINT"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := New(func(name string) string {
				if name == "ARCHIVE_BUCKET" {
					return "b"
				}
				return c.env[name]
			})
			got, err := e.Common(), e.Err()
			if c.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), c.wrong) || strings.Contains(err.Error(), "hush") {
					t.Errorf("error %v, want one with %q that quotes no secret", err, c.wrong)
				}
				return
			}
			if err != nil || !c.right(got.Network) {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}
