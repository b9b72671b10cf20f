package endpoint

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
	"time"

	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/secret"
)

// pinError is a server key that is not the pinned one.
type pinError struct{ got string }

func (e *pinError) Error() string { return "its key's SHA-256 is " + e.got }

// tlsConfig returns the TLS settings that trust what a credential says; see Client. An
// error is a *fault.Error of class Config.
func tlsConfig(cred secret.Credential) (*tls.Config, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if cred.CAPEM != "" {
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(lines(cred.CAPEM)) {
			return nil, badSecret(`the member "ca_pem" holds no certificate`,
				"store the authority's certificate in PEM, from its BEGIN to its END line: openssl s_client -showcerts -connect HOST:443 shows it")
		}
	}
	if cred.SPKISHA256 != "" {
		pin, err := parsePin(cred.SPKISHA256)
		if err != nil {
			return nil, err
		}
		conf.VerifyConnection = func(s tls.ConnectionState) error { return verifyPin(s, pin, time.Now()) }
		// Without an authority the pin takes the place of chain and name: the server
		// proves that it has the pinned key, which is stronger.
		conf.InsecureSkipVerify = cred.CAPEM == "" //nolint:gosec // VerifyConnection checks key and validity on every handshake
	}
	return conf, nil
}

var (
	certificate = regexp.MustCompile(`(?s)-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----`)
	// between matches what may stand between the lines of a PEM: white space, or, after
	// a form, a shell or JSON has escaped the line ends, the two characters \n.
	between = regexp.MustCompile(`\s|\\+[nrt]`)
)

// lines returns the certificates of a PEM with their line ends restored, which may have
// become spaces, or have been escaped twice.
func lines(text string) []byte {
	var out strings.Builder
	for _, found := range certificate.FindAllStringSubmatch(text, -1) {
		out.WriteString("-----BEGIN CERTIFICATE-----\n" + between.ReplaceAllString(found[1], "") + "\n-----END CERTIFICATE-----\n")
	}
	return []byte(out.String())
}

// spkiOf returns the SHA-256 of a certificate's public key in base64, as spki_sha256 in a
// secret holds it.
func spkiOf(c *x509.Certificate) string {
	sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// verifyPin checks the key and the validity of the server's own certificate. Other
// certificates of the chain do not count: the server has not proven that it has their
// keys.
func verifyPin(s tls.ConnectionState, pin []byte, now time.Time) error {
	if len(s.PeerCertificates) == 0 {
		return &pinError{got: "missing"}
	}
	leaf := s.PeerCertificates[0]
	got := sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
	if subtle.ConstantTimeCompare(got[:], pin) != 1 {
		return &pinError{got: spkiOf(leaf)}
	}
	if now.Before(leaf.NotBefore) || now.After(leaf.NotAfter) {
		return x509.CertificateInvalidError{Cert: leaf, Reason: x509.Expired, Detail: validity(leaf)}
	}
	return nil
}

func validity(c *x509.Certificate) string {
	return fmt.Sprintf("it is valid from %s to %s", c.NotBefore.UTC().Format(time.RFC3339), c.NotAfter.UTC().Format(time.RFC3339))
}

// parsePin reads a SHA-256 in base64 (as curl and HPKP write it, with or without their
// prefix "sha256/") or in hexadecimal (with or without colons, as openssl writes it).
func parsePin(text string) ([]byte, error) {
	text = strings.TrimRight(strings.TrimSpace(text), "=")
	if rest, prefixed := strings.CutPrefix(text, "sha256/"); prefixed {
		text = rest[max(0, len(rest)-base64.RawStdEncoding.EncodedLen(sha256.Size)):] // curl's prefix has two slashes, and base64 may begin with one
	}
	if pin, err := hex.DecodeString(strings.ReplaceAll(text, ":", "")); err == nil && len(pin) == sha256.Size {
		return pin, nil
	}
	text = strings.NewReplacer("-", "+", "_", "/").Replace(text)
	if pin, err := base64.RawStdEncoding.DecodeString(text); err == nil && len(pin) == sha256.Size {
		return pin, nil
	}
	return nil, badSecret(`the member "spki_sha256" is no SHA-256 in base64 or hexadecimal`,
		"make it with: openssl x509 -in cert.pem -pubkey -noout | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64")
}

func badSecret(what, cure string) error {
	return &fault.Error{Class: fault.Config, What: "the secret cannot be used, " + what, Cure: cure}
}
