package secrets

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"
)

func sdk(t *testing.T, m *Manager) *secretsmanager.Client {
	t.Helper()
	server := httptest.NewServer(m)
	t.Cleanup(server.Close)
	return secretsmanager.New(secretsmanager.Options{
		BaseEndpoint: aws.String(server.URL), Region: "eu-central-1",
		Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
	})
}

func TestTheSDKReadsASecret(t *testing.T) {
	t.Parallel()
	var m Manager
	m.Put("other", "x")
	arn := m.Put("runecast", `{"token":"one"}`)
	client := sdk(t, &m)
	var first *secretsmanager.GetSecretValueOutput
	for _, id := range []string{"runecast", arn} {
		out, err := client.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: &id})
		if err != nil {
			t.Fatal(err)
		}
		if aws.ToString(out.SecretString) != `{"token":"one"}` || aws.ToString(out.Name) != "runecast" || aws.ToString(out.ARN) != arn ||
			time.Since(aws.ToTime(out.CreatedDate)) > time.Minute || len(out.VersionStages) != 1 {
			t.Errorf("by %s: %+v", id, out)
		}
		first = out
	}
	m.Put("runecast", `{"token":"two"}`)
	out, err := client.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("runecast"), VersionStage: aws.String("AWSCURRENT")})
	if err != nil {
		t.Fatal(err)
	}
	if aws.ToString(out.SecretString) != `{"token":"two"}` || *out.VersionId == *first.VersionId {
		t.Errorf("after the rotation: %+v", out)
	}
}

func TestWhatIsNotThereIsNotFound(t *testing.T) {
	t.Parallel()
	var m Manager
	m.Put("here", "x")
	client := sdk(t, &m)
	for name, in := range map[string]secretsmanager.GetSecretValueInput{
		"secret":  {SecretId: aws.String("elsewhere")},
		"version": {SecretId: aws.String("here"), VersionId: aws.String("11111111-1111-1111-1111-111111111111")},
		"stage":   {SecretId: aws.String("here"), VersionStage: aws.String("AWSPREVIOUS")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := client.GetSecretValue(t.Context(), &in)
			var missing *types.ResourceNotFoundException
			if !errors.As(err, &missing) || !strings.Contains(missing.ErrorMessage(), "can't find the specified secret") {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestOtherOperationsAreUnknown(t *testing.T) {
	t.Parallel()
	_, err := sdk(t, new(Manager)).ListSecrets(t.Context(), &secretsmanager.ListSecretsInput{})
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != "UnknownOperationException" {
		t.Errorf("error %v", err)
	}
}

func TestBadRequests(t *testing.T) {
	t.Parallel()
	var m Manager
	m.Put("here", "hush")
	for name, c := range map[string]struct{ body, authorization, want string }{
		"unsigned":   {`{"SecretId":"here"}`, "", "MissingAuthenticationTokenException"},
		"not signed": {`{"SecretId":"here"}`, "Bearer x", "MissingAuthenticationTokenException"},
		"no JSON":    {`<x>`, "AWS4-HMAC-SHA256 x", "SerializationException"},
		"no id":      {`{}`, "AWS4-HMAC-SHA256 x", "ValidationException"},
		"too large":  {strings.Repeat(" ", maxRequest+1), "AWS4-HMAC-SHA256 x", "SerializationException"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(c.body))
			r.Header.Set("X-Amz-Target", "secretsmanager.GetSecretValue")
			r.Header.Set("Authorization", c.authorization)
			w := httptest.NewRecorder()
			m.ServeHTTP(w, r)
			body, _ := io.ReadAll(w.Body)
			if w.Code != http.StatusBadRequest || !strings.Contains(string(body), c.want) || strings.Contains(string(body), "hush") {
				t.Errorf("got %d %s", w.Code, body)
			}
		})
	}
}
