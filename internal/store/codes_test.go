package store_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"runecast-ingest/internal/archive"
	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/store"
)

// Each of S3's codes has a cure that helps: most of the codes that come with 400 and
// 403 do not mean a missing permission.
func TestCodesOfS3HaveTheirCures(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status             int
		code, message      string
		class              fault.Class
		says, cure, saysNo string
	}{
		"rights":          {status: 403, code: "AccessDenied", message: "Access Denied", class: fault.Config, says: "S3 refused access (403)", cure: "s3:GetObject"},
		"rights of a key": {status: 403, code: "AccessDenied", message: "User x is not authorized to perform: kms:Decrypt on resource y", class: fault.Config, says: "KMS key (403 AccessDenied)", cure: "kms:Decrypt", saysNo: "s3:GetObject"},
		"archive tier":    {status: 403, code: "InvalidObjectState", class: fault.Config, says: "archive tier", cure: "restore-object", saysNo: "role"},
		"clock":           {status: 403, code: "RequestTimeTooSkewed", class: fault.Retry, says: "clock", cure: "clock", saysNo: "role"},
		"credentials":     {status: 403, code: "InvalidAccessKeyId", class: fault.Config, says: "credentials", cure: "role", saysNo: "s3:GetObject"},
		"expired":         {status: 400, code: "ExpiredToken", class: fault.Retry, says: "expired", cure: "sign in again"},
		"region":          {status: 400, code: "AuthorizationHeaderMalformed", class: fault.Config, says: "another region", cure: "AWS_REGION"},
		"key disabled":    {status: 400, code: "KMS.DisabledException", class: fault.Config, says: "disabled (400 KMS.DisabledException)", cure: "enable it"},
		"key deleted":     {status: 400, code: "KMS.KMSInvalidStateException", class: fault.Config, says: "state", cure: "cancel its deletion"},
		"key, otherwise":  {status: 400, code: "KMS.SomethingNew", class: fault.Config, says: "KMS.SomethingNew", cure: "KMS key"},
		"key, for now":    {status: 503, code: "KMS.SomethingNew", class: fault.Retry, says: "S3 answered with an error", saysNo: "symmetric"},
		"cut":             {status: 400, code: "RequestTimeout", class: fault.Retry, says: "(400 RequestTimeout)", cure: "passes", saysNo: "KMS"},
		"cut body":        {status: 400, code: "IncompleteBody", class: fault.Retry, says: "(400 IncompleteBody)", cure: "passes", saysNo: "KMS"},
		"damaged":         {status: 400, code: "BadDigest", class: fault.Retry, says: "(400 BadDigest)", cure: "passes", saysNo: "KMS"},
		"unknown 403":     {status: 403, code: "SomethingNew", class: fault.Config, says: "(403 SomethingNew)", cure: "s3:GetObject"},
		"unknown 400":     {status: 400, code: "SomethingNew", class: fault.Config, says: "(400 SomethingNew)", cure: "encryption"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/xml")
				w.WriteHeader(c.status)
				_, _ = fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>%s</Message></Error>`, c.code, c.message)
			}))
			t.Cleanup(srv.Close)
			s := store.New(store.Client(aws.Config{
				BaseEndpoint: aws.String(srv.URL), Region: "us-east-1", RetryMaxAttempts: 1,
				Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
			}, true), "bucket")
			_, err := s.Open(t.Context(), archive.RawInfo{Key: "raw/v1/x", ETag: `"e"`, Size: 1})
			if err == nil || fault.ClassOf(err) != c.class || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), c.cure) {
				t.Errorf("%v; want %s, %q and %q", err, c.class, c.says, c.cure)
			}
			if c.saysNo != "" && strings.Contains(err.Error(), c.saysNo) {
				t.Errorf("%v says %q", err, c.saysNo)
			}
		})
	}
}
