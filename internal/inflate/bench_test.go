package inflate

import (
	"bytes"
	stdlib "compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/klauspost/compress/gzip"
)

// results is text as raw objects hold it, of objects that a check lists.
func results(size int) []byte {
	random := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, 0, size)
	for i := 0; len(b) < size; i++ {
		b = fmt.Appendf(b, `{"vcUid":"5f1ab8d2-8f3c-4a57-9b6e-0d9a4c1f2e77","moid":"vm-%d","name":"srv-%s-%05d.prod.example","type":"VirtualMachine","resultValues":[`+
			`{"description":"isolation.device.connectable.disable","value":"%s"},{"description":"uuid","value":"%016x"}]},`,
			1000+i, []string{"web", "db", "app", "ldap"}[random.IntN(4)], random.IntN(100_000), []string{"TRUE", "FALSE", "not set"}[random.IntN(3)], random.Uint64())
	}
	return b
}

// BenchmarkRead reads results as they are archived, by this reader and by the two
// others that there are; MB/s is of text.
func BenchmarkRead(b *testing.B) {
	whole := results(4 << 20)
	stream := pack(b, whole, stdlib.DefaultCompression)
	buffer := make([]byte, 64<<10)
	for name, open := range map[string]func(io.Reader) (io.Reader, error){
		"ours":      func(r io.Reader) (io.Reader, error) { return NewReader(r) },
		"klauspost": func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
		"stdlib":    func(r io.Reader) (io.Reader, error) { return stdlib.NewReader(r) },
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(whole)))
			for b.Loop() {
				r, err := open(bytes.NewReader(stream))
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{r}, buffer); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
