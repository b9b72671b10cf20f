package secret

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"

	"runecast-ingest/internal/fault"
)

const token = "dt0c01.PUBLIC.PRIVATE"

func TestValueNeverPrintsItself(t *testing.T) {
	t.Parallel()
	c, err := Parse(`{"token":"` + token + `"}`)
	if err != nil {
		t.Fatal(err)
	}
	var logged bytes.Buffer
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "token", c.Token, "cred", c)
	js, _ := json.Marshal(c)
	shown := logged.String() + string(js)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		shown += fmt.Sprintf(verb, c.Token) + fmt.Sprintf(verb, c) + fmt.Sprintf(verb, &c)
	}
	if strings.Contains(shown, "PRIVATE") || strings.Contains(shown, fmt.Sprintf("%x", "PRIVATE")) {
		t.Errorf("the token was printed: %s", shown)
	}
	if c.Token.Reveal() != token {
		t.Errorf("Reveal() = %q", c.Token.Reveal())
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		raw, token, ca, spki, wrong string
	}{
		"bare":                {raw: " " + token + "\n", token: token},
		"json":                {raw: `{"token":"t","ca_pem":"pem","spki_sha256":" ab "}`, token: "t", ca: "pem", spki: "ab"},
		"empty":               {raw: "", wrong: "token"},
		"json without token":  {raw: `{"ca_pem":"x"}`, wrong: `"token"`},
		"token in capitals":   {raw: `{"TOKEN":"hush"}`, wrong: `a member "TOKEN", which is not read: write its name as "token"`},
		"pin with hyphens":    {raw: `{"token":"t","spki-sha256":"hush"}`, wrong: `write its name as "spki_sha256"`},
		"pin, humped":         {raw: `{"token":"t","spkiSha256":"hush"}`, wrong: `write its name as "spki_sha256"`},
		"authority, humped":   {raw: `{"token":"t","caPem":"hush"}`, wrong: `write its name as "ca_pem"`},
		"query token, humped": {raw: `{"token":"t","queryToken":"hush"}`, wrong: `write its name as "query_token"`},
		"a JSON list":         {raw: `[{"token":"hush"}]`, wrong: "the token begins with a bracket: store the bare token"},
		"a place for it":      {raw: "<hush>", wrong: "begins with a bracket"},
		"a file's address":    {raw: "file://hush.txt", wrong: "the token is an address: store the bare token"},
		"an address in JSON":  {raw: `{"token":"https://hush.live.dynatrace.com"}`, wrong: "is an address"},
		"a member of others":  {raw: `{"token":"t","username":"u","version":2}`, token: "t"},
		"cut json":            {raw: `{"token":"hush`, wrong: "JSON"},
		"json of wrong types": {raw: `{"token":["hush"]}`, wrong: "JSON"},
		"header injection":    {raw: "hush\r\nX-Evil: 1", wrong: "control character"},
		"inner space":         {raw: "Api-Token hush", wrong: "space"},
		"with a mark":         {raw: "\ufeffhush", wrong: "byte-order mark, which editors and shells on Windows write: store it again as UTF-8"},
		"json with a mark":    {raw: "\ufeff" + `{"token":"hush"}`, wrong: "byte-order mark"},
		"mark in the member":  {raw: `{"token":"\ufeffhush"}`, wrong: "(U+FEFF): copy the token again"},
		"UTF-16":              {raw: "h\x00u\x00s\x00h\x00", wrong: "UTF-16"},
		"UTF-16 with a mark":  {raw: "\xff\xfeh\x00u\x00", wrong: "UTF-16"},
		"double quotes":       {raw: `"hush"`, wrong: "stands in quotes: store the token without quotes"},
		"single quotes":       {raw: "'hush'\n", wrong: "quotes"},
		"quotes in the JSON":  {raw: `{"token":"\"hush\""}`, wrong: "quotes"},
		"curly quotes":        {raw: "“hush”", wrong: "quotes"},
		"guillemets":          {raw: "«hush»", wrong: "quotes"},
		"zero-width space":    {raw: "hush\u200b", wrong: "(U+200B)"},
		"soft hyphen":         {raw: "hu\u00adsh", wrong: "(U+00AD)"},
		"not UTF-8":           {raw: "hush\xff", wrong: "(U+FFFD)"},
		"no-break spaces":     {raw: "\u00a0" + token + "\u00a0", token: token},
		"ASCII of any kind":   {raw: "7546e68b-96bc-406e_8d57~280e!$", token: "7546e68b-96bc-406e_8d57~280e!$"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Parse(c.raw)
			if c.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), c.wrong) || strings.Contains(err.Error(), "hush") {
					t.Errorf("error %v, want one with %q and without the secret", err, c.wrong)
				}
				if fault.ClassOf(err) != fault.Config {
					t.Errorf("class %s", fault.ClassOf(err))
				}
				return
			}
			if err != nil || got.Token.Reveal() != c.token || got.CAPEM != c.ca || got.SPKISHA256 != c.spki {
				t.Errorf("got %v %v", got, err)
			}
		})
	}
}

type fakeManager struct {
	text, version string
	err           error
	calls         int
}

func (f *fakeManager) GetSecretValue(context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error) {
	f.calls++
	if f.err != nil {
		return nil, f.err
	}
	return &secretsmanager.GetSecretValueOutput{SecretString: &f.text, VersionId: &f.version}, nil
}

func TestCache(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC)
	m := &fakeManager{text: "one", version: "v1"}
	c := NewCache(m, "id", func() time.Time { return now })
	ctx := t.Context()
	want := func(step, token string, calls int) {
		t.Helper()
		got, err := c.Get(ctx)
		if err != nil || got.Token.Reveal() != token || m.calls != calls {
			t.Fatalf("%s: token %q, %d calls, %v; want %q, %d", step, got.Token.Reveal(), m.calls, err, token, calls)
		}
	}
	want("first", "one", 1)
	want("cached", "one", 1)
	m.text, m.version = "two", "v2"
	now = now.Add(ttl)
	want("expired", "two", 2)
	now = now.Add(ttl)
	m.err = errors.New("down")
	want("stale while down", "two", 3)
	now = now.Add(maxStale)
	if _, err := c.Get(ctx); err == nil {
		t.Error("a credential older than an hour was used")
	}
}

func TestRefreshReadsOncePerHalfMinute(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC)
	m := &fakeManager{text: "one", version: "v1"}
	c := NewCache(m, "id", func() time.Time { return now })
	used, err := c.Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	now = now.Add(minRefresh)
	if _, changed, _ := c.Refresh(t.Context(), used); changed || m.calls != 2 {
		t.Fatalf("changed=%v calls=%d, want no change after one more read", changed, m.calls)
	}
	m.text, m.version = "two", "v2"
	if _, changed, _ := c.Refresh(t.Context(), used); changed || m.calls != 2 {
		t.Fatalf("changed=%v calls=%d, want no read within 30 s", changed, m.calls)
	}
	now = now.Add(minRefresh)
	got, changed, err := c.Refresh(t.Context(), used)
	if err != nil || !changed || got.Token.Reveal() != "two" {
		t.Fatalf("got %v changed=%v %v, want the rotated token", got, changed, err)
	}
	if _, changed, _ := c.Refresh(t.Context(), used); !changed || m.calls != 3 {
		t.Fatalf("a second caller with the old token must get the new one without a read, calls=%d", m.calls)
	}
}

func TestBinarySecret(t *testing.T) {
	t.Parallel()
	_, err := NewCache(binary{}, "id", time.Now).Get(t.Context())
	if fault.ClassOf(err) != fault.Config || !strings.Contains(err.Error(), "secret id: it holds binary data: store it as text") {
		t.Errorf("error %v", err)
	}
}

type binary struct{}

func (binary) GetSecretValue(context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error) {
	return &secretsmanager.GetSecretValueOutput{SecretBinary: []byte("hush")}, nil
}

func TestPrefixAndRedaction(t *testing.T) {
	t.Parallel()
	v := NewValue(token)
	if !v.HasPrefix("dt0c01.") || v.HasPrefix("dt0s16.") {
		t.Error("its prefix is not known")
	}
	if got := v.Redact("no " + token + ", " + token); got != "no [redacted], [redacted]" {
		t.Errorf("Redact gives %q", got)
	}
	if got := NewValue("").Redact("abc"); got != "abc" {
		t.Errorf("without a secret it gives %q", got)
	}
}

func TestReadErrorsNameTheCure(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		cure string
	}{
		"missing":  {&smithy.GenericAPIError{Code: "ResourceNotFoundException", Message: "Secrets Manager can't find the specified secret."}, "can't find the specified secret.): check the secret's ARN"},
		"no value": {&smithy.GenericAPIError{Code: "ResourceNotFoundException", Message: "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT"}, "value for staging label: AWSCURRENT"},
		"denied":   {&smithy.GenericAPIError{Code: "AccessDeniedException"}, "secretsmanager:GetSecretValue"},
		"no route": {context.DeadlineExceeded, "interface endpoint"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := NewCache(&fakeManager{err: c.err}, "id", time.Now).Get(t.Context())
			if err == nil || !strings.Contains(err.Error(), c.cure) {
				t.Errorf("error %v does not name the cure %q", err, c.cure)
			}
		})
	}
}
