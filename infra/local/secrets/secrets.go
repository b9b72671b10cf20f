// Package secrets is the one operation of AWS Secrets Manager that the
// functions use, GetSecretValue, as an http.Handler (protocol AWS JSON 1.1). It
// promises the service's answers and errors to the AWS SDK.
package secrets

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
)

// maxRequest bounds a request's body in bytes.
const maxRequest = 64 << 10

// Manager holds secrets by name. Its zero value is empty and ready; it is safe
// for concurrent use.
type Manager struct {
	mu      sync.Mutex
	secrets map[string]version
}

// version is the current value of a secret.
type version struct {
	id, text string
	created  time.Time
}

// Put stores a secret's value as a new version, the current one, and returns the
// secret's ARN.
func (m *Manager) Put(name, text string) (arn string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.secrets == nil {
		m.secrets = map[string]version{}
	}
	m.secrets[name] = version{id: uuid.NewString(), text: text, created: time.Now()}
	return arnOf(name)
}

func arnOf(name string) string {
	return "arn:aws:secretsmanager:eu-central-1:123456789012:secret:" + name + "-a1B2c3"
}

// ServeHTTP answers GetSecretValue by name or ARN; any other operation is an
// UnknownOperationException. A request has to be signed, but the signature is not
// checked.
func (m *Manager) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch target := r.Header.Get("X-Amz-Target"); {
	case r.Method != http.MethodPost || target != "secretsmanager.GetSecretValue":
		refuse(w, "UnknownOperationException", "")
	case !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 "):
		refuse(w, "MissingAuthenticationTokenException", "Missing Authentication Token")
	default:
		m.get(w, r)
	}
}

func (m *Manager) get(w http.ResponseWriter, r *http.Request) {
	var in struct {
		SecretID     string `json:"SecretId"`
		VersionID    string `json:"VersionId"`
		VersionStage string `json:"VersionStage"`
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err == nil {
		err = json.Unmarshal(body, &in)
	}
	if err != nil {
		refuse(w, "SerializationException", "the request is not readable")
		return
	}
	name, v, ok := m.find(in.SecretID)
	switch {
	case in.SecretID == "":
		refuse(w, "ValidationException", "1 validation error detected: Value at 'secretId' failed to satisfy constraint: Member must not be null")
	case !ok:
		refuse(w, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
	case in.VersionID != "" && in.VersionID != v.id:
		refuse(w, "ResourceNotFoundException", "Secrets Manager can't find the specified secret value for VersionId: "+in.VersionID)
	case in.VersionStage != "" && in.VersionStage != "AWSCURRENT":
		refuse(w, "ResourceNotFoundException", "Secrets Manager can't find the specified secret value for staging label: "+in.VersionStage)
	default:
		write(w, http.StatusOK, map[string]any{
			"ARN": arnOf(name), "Name": name, "VersionId": v.id, "SecretString": v.text,
			"VersionStages": []string{"AWSCURRENT"}, "CreatedDate": float64(v.created.UnixMilli()) / 1000,
		})
	}
}

func (m *Manager) find(id string) (name string, v version, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name, v := range m.secrets {
		if id == name || id == arnOf(name) {
			return name, v, true
		}
	}
	return "", version{}, false
}

func refuse(w http.ResponseWriter, kind, message string) {
	w.Header().Set("X-Amzn-Errortype", kind)
	write(w, http.StatusBadRequest, map[string]any{"__type": kind, "Message": message})
}

func write(w http.ResponseWriter, status int, answer map[string]any) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("X-Amzn-Requestid", uuid.NewString())
	w.WriteHeader(status)
	_ = json.MarshalWrite(w, answer) // fails only if the client has gone
}
