package config

import (
	"strings"
	"testing"

	"runecast-ingest/internal/fault"
)

func TestParseAddress(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		raw      string
		loopback bool
		wrong    string
	}{
		"https":                     {raw: "https://rc.example"},
		"port and path":             {raw: "https://rc.example:8443/base/"},
		"private address":           {raw: "https://10.1.2.3"},
		"IPv6":                      {raw: "https://[fd12::1]:8443"},
		"http to loopback, allowed": {raw: "http://127.0.0.1:8080", loopback: true},
		"http to localhost":         {raw: "http://localhost:8080", loopback: true},
		"http to ::1":               {raw: "http://[::1]:8080", loopback: true},
		"http to loopback":          {raw: "http://127.0.0.1:8080", wrong: "scheme"},
		"http elsewhere":            {raw: "http://rc.example", loopback: true, wrong: "scheme"},
		"http to a tricky name":     {raw: "http://localhost.evil.example", loopback: true, wrong: "scheme"},
		"no scheme":                 {raw: "rc.example", wrong: "no host"},
		"other scheme":              {raw: "ftp://rc.example", wrong: "scheme"},
		"opaque":                    {raw: "https:rc.example", wrong: "no host"},
		"user":                      {raw: "https://user:hush@rc.example", wrong: "user name"},
		"query":                     {raw: "https://rc.example/?a=hush", wrong: "query"},
		"empty query":               {raw: "https://rc.example/?", wrong: "query"},
		"fragment":                  {raw: "https://rc.example/#hush", wrong: "fragment"},
		"port 0":                    {raw: "https://rc.example:0", wrong: "port"},
		"port too large":            {raw: "https://rc.example:65536", wrong: "port"},
		"empty port":                {raw: "https://rc.example:", wrong: "port"},
		"not a URL":                 {raw: "https://hush:pass word@rc.example", wrong: "not a URL"},
		"empty":                     {raw: "", wrong: "no host"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u, err := parseAddress(c.raw, c.loopback)
			if c.wrong == "" {
				if err != nil || u.String() != c.raw {
					t.Fatalf("parseAddress(%q) = %v, %v", c.raw, u, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.wrong) || strings.Contains(err.Error(), "hush") {
				t.Errorf("error %v, want one with %q that quotes no secret", err, c.wrong)
			}
			if fault.ClassOf(err) != fault.Config {
				t.Errorf("class %s, want config", fault.ClassOf(err))
			}
		})
	}
}
