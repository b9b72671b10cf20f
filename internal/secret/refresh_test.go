package secret

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// story is a cache with its Secrets Manager, the time, and the credential that a client
// holds.
type story struct {
	now     time.Time
	manager *fakeManager
	cache   *Cache
	held    Credential
	// versions of the secret so far
	versions int
}

func newStory() *story {
	s := &story{now: time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC), manager: &fakeManager{}}
	s.rotate()
	s.cache = NewCache(s.manager, "id", func() time.Time { return s.now })
	return s
}

// rotate puts another token into the secret.
func (s *story) rotate() {
	s.reissue()
	s.manager.text = "token-" + s.manager.version
}

// reissue stores the same token as another version.
func (s *story) reissue() {
	s.versions++
	s.manager.version = strconv.Itoa(s.versions)
}

// tell takes steps, and returns the result of the last one and how often that step
// read the secret. Each step is one letter: g calls Get, r rotates the token, v stores
// another version with the same token, x calls Refresh for the token that the client
// holds, d makes Secrets Manager fail and u makes it work again; s lets a second pass, m
// half a minute, t five minutes.
func (s *story) tell(t *testing.T, steps string) (changed bool, reads int, err error) {
	t.Helper()
	for _, step := range steps {
		before := s.manager.calls
		switch step {
		case 'g':
			var got Credential
			if got, err = s.cache.Get(t.Context()); err != nil {
				t.Fatal(err)
			}
			s.held = got
		case 'r':
			s.rotate()
		case 'v':
			s.reissue()
		case 'x':
			var got Credential
			got, changed, err = s.cache.Refresh(t.Context(), s.held)
			if err == nil && changed {
				s.held = got
			}
		case 'd':
			s.manager.err = errors.New("down")
		case 'u':
			s.manager.err = nil
		case 's':
			s.now = s.now.Add(time.Second)
		case 'm':
			s.now = s.now.Add(minRefresh)
		case 't':
			s.now = s.now.Add(ttl)
		}
		reads = s.manager.calls - before
	}
	return changed, reads, err
}

// Each story ends with a refusal. The test checks how often it reads the secret, whether
// the client gets another token, and what an error says.
func TestARefusedTokenIsReadAgain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		steps   string
		changed bool
		reads   int
		says    string
	}{
		"right after the start":                           {"grx", true, 1, ""},
		"a second after the start":                        {"gsrsx", true, 1, ""},
		"right after the cache's own read":                {"gtgrx", true, 1, ""},
		"right after a read that follows another refusal": {"gxtgrx", true, 1, ""},
		"not rotated":                                     {"gx", false, 1, ""},
		"refused twice in a row":                          {"gxsx", false, 0, "at most every 30s, and did so 1s ago"},
		"rotated between two refusals":                    {"gxrsx", false, 0, "at most every 30s, and did so 1s ago"},
		"rotated between, half a minute later":            {"gxrmx", true, 1, ""},
		"the rotated one is refused, too":                 {"grxsx", false, 0, "at most every 30s"},
		"the rotated one is refused, looked up anew":      {"grxgx", false, 0, "at most every 30s"},
		"same token in a new version":                     {"gvx", false, 1, ""},
		"same token in a version read since":              {"gtvgrx", true, 1, ""},
		"Secrets Manager is down":                         {"gdx", false, 1, "could not be read (down)"},
		"down, then asked again at once":                  {"gdxurx", false, 0, "at most every 30s, and did so 0s ago"},
		"down, and up half a minute later":                {"gdxurmx", true, 1, ""},
		"down at the cache's own read":                    {"gtdgurx", true, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			changed, reads, err := newStory().tell(t, c.steps)
			if changed != c.changed || reads != c.reads {
				t.Errorf("changed=%v after %d reads (%v), want %v after %d", changed, reads, err, c.changed, c.reads)
			}
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want %q", err, c.says)
			}
		})
	}
}

// Two clients hold the same token: after a refresh by the first, the second gets the new
// token without a read.
func TestASecondClientGetsTheRotatedToken(t *testing.T) {
	t.Parallel()
	s := newStory()
	if _, _, err := s.tell(t, "g"); err != nil {
		t.Fatal(err)
	}
	first := s.held
	if changed, _, err := s.tell(t, "rx"); !changed || err != nil {
		t.Fatalf("changed=%v %v", changed, err)
	}
	got, changed, err := s.cache.Refresh(t.Context(), first)
	if err != nil || !changed || got != s.held || s.manager.calls != 2 {
		t.Errorf("got %v, changed=%v, %v after %d reads", got, changed, err, s.manager.calls)
	}
}

// In any order of steps: the first refusal after a read by Get reads the secret; no two
// refusals between two such reads read it within 30 seconds; and Refresh returns "no
// other token" without an error only if it has read the secret.
func TestRefusalsAndReads(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := newStory()
		var asked time.Time // the last read for a refusal since the cache's own
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			step := rapid.SampledFrom([]string{"get", "get", "refuse", "refuse", "rotate", "reissue", "down", "up", "pass"}).Draw(t, "step")
			before := s.manager.calls
			switch step {
			case "get":
				got, err := s.cache.Get(t.Context())
				read := s.manager.calls > before && s.manager.err == nil
				if err != nil && s.manager.err == nil {
					t.Fatalf("get: %v", err)
				}
				if err == nil {
					s.held = got
				}
				if read {
					asked = time.Time{}
				}
			case "refuse":
				if s.held == (Credential{}) {
					continue
				}
				cached := s.cache.cred.Token
				got, changed, err := s.cache.Refresh(t.Context(), s.held)
				read := s.manager.calls > before
				switch {
				case cached != s.held.Token:
					if read || !changed || err != nil {
						t.Fatalf("the cache holds another token, yet read=%v changed=%v %v", read, changed, err)
					}
				case asked.IsZero() || s.now.Sub(asked) >= minRefresh:
					if !read {
						t.Fatalf("the secret was not read (last for a refusal: %s, now %s)", asked, s.now)
					}
				case read:
					t.Fatalf("the secret was read again after %s", s.now.Sub(asked))
				}
				if !changed && err == nil && (!read || got.Token.Reveal() != s.manager.text) {
					t.Fatalf("it says that there is no other token; read=%v, the secret holds %s", read, s.manager.text)
				}
				if changed && got.Token == s.held.Token {
					t.Fatal("it says that the token changed; it did not")
				}
				if read {
					asked = s.now
				}
				if err == nil {
					s.held = got
				}
			case "rotate":
				s.rotate()
			case "reissue":
				s.reissue()
			case "down":
				s.manager.err = errors.New("down")
			case "up":
				s.manager.err = nil
			case "pass":
				s.now = s.now.Add(time.Duration(rapid.SampledFrom([]int{0, 1, 5, 29, 30, 31, 299, 300, 3600}).Draw(t, "seconds")) * time.Second)
			}
		}
	})
}
