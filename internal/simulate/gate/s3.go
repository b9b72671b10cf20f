package gate

import (
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
)

// S3 returns a handler that passes requests, signatures included, on to an S3 server
// that is addressed by path, and counts the writes that made an object.
func (g *Gate) S3(server *url.URL, transport http.RoundTripper) http.Handler {
	return &httputil.ReverseProxy{
		Transport: transport,
		ErrorLog:  slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // of connections that a kill cut
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(server)
			r.Out.Host = r.In.Host // the signature covers the host
		},
		ModifyResponse: func(r *http.Response) error {
			query := r.Request.URL.Query()
			whole := r.Request.Method == http.MethodPut && !query.Has("uploadId")
			completed := r.Request.Method == http.MethodPost && query.Has("uploadId")
			if r.StatusCode == http.StatusOK && (whole || completed) {
				_, key, _ := strings.Cut(strings.TrimPrefix(r.Request.URL.Path, "/"), "/")
				g.wrote(key)
			}
			return nil
		},
	}
}

func (g *Gate) wrote(key string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.written[key]++
}

// Written returns the number of successful writes of a key through S3, in any bucket.
func (g *Gate) Written(key string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.written[key]
}
