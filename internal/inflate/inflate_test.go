package inflate

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

// library reads a stream by the standard library.
func library(stream []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(stream))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// ours reads a stream from a source.
func ours(src io.Reader) ([]byte, error) {
	r, err := NewReader(src)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// compare reads a stream by both: they give the same, and end alike.
func compare(t interface{ Fatalf(string, ...any) }, stream []byte) {
	want, wantErr := library(stream)
	got, err := ours(bytes.NewReader(stream))
	if (err == nil) != (wantErr == nil) || !bytes.Equal(got, want) && (err == nil || !bytes.HasPrefix(got, want) && !bytes.HasPrefix(want, got)) {
		t.Fatalf("%d bytes and %v, the library gives %d and %v\n%x", len(got), err, len(want), wantErr, stream)
	}
	if errors.Is(wantErr, io.EOF) != errors.Is(err, io.EOF) {
		t.Fatalf("%v, the library says %v\n%x", err, wantErr, stream)
	}
}

// pack compresses a text.
func pack(t interface{ Fatalf(string, ...any) }, text []byte, level int) []byte {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, level)
	if err == nil {
		if _, err = w.Write(text); err == nil {
			err = w.Close()
		}
	}
	if err != nil {
		t.Fatalf("%v", err)
	}
	return b.Bytes()
}

// text makes a text of so many bytes at least, which repeats itself more or less.
func text(seed uint64, size int) []byte {
	random := rand.New(rand.NewPCG(seed, 1))
	b := make([]byte, 0, size)
	for len(b) < size {
		switch random.IntN(4) {
		case 0:
			for range random.IntN(40) {
				b = append(b, byte(random.Uint32()>>random.IntN(8)))
			}
		case 1:
			b = append(b, strings.Repeat(string(rune('a'+random.IntN(26))), random.IntN(700))...)
		default:
			if n := len(b); n > 0 {
				from := n - 1 - random.IntN(min(n, 40_000))
				b = append(b, b[from:min(n, from+random.IntN(400))]...)
			}
		}
	}
	return b
}

func TestReadsAsTheLibraryDoes(t *testing.T) {
	t.Parallel()
	levels := []int{flate.NoCompression, flate.BestSpeed, flate.DefaultCompression, flate.BestCompression, flate.HuffmanOnly}
	for seed, size := range []int{0, 1, 100, 5000, 70_000, 400_000, 2_000_000} {
		whole := text(uint64(seed), size)
		for _, level := range levels {
			stream := pack(t, whole, level)
			for name, src := range map[string]io.Reader{
				"at once": bytes.NewReader(stream), "in halves": iotest.HalfReader(bytes.NewReader(stream)),
				"with its end": iotest.DataErrReader(bytes.NewReader(stream)),
			} {
				got, err := ours(src)
				if err != nil || !bytes.Equal(got, whole) {
					t.Errorf("%d bytes at level %d, read %s: %d bytes and %v", len(whole), level, name, len(got), err)
				}
			}
		}
	}
}

// Several streams in a row are one text; each has a window of its own.
func TestStreamsInARow(t *testing.T) {
	t.Parallel()
	one, two := text(1, 100_000), text(2, 1000)
	row := append(pack(t, one, 6), pack(t, two, 0)...)
	got, err := ours(bytes.NewReader(row))
	if want := append(one, two...); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes of %d, and %v", len(got), len(want), err)
	}
	back := []byte{3, 2, 0} // a text of three bytes, one back, as the first of a stream
	compare(t, append(pack(t, one, 6), append([]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0}, back...)...))
	compare(t, append(row, 0, 0, 0))
	compare(t, append(row, "text"...))
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Name, w.Comment, w.Extra = "name", "comment", []byte("extra")
	if _, err := w.Write([]byte("text")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for i := range b.Len() {
		compare(t, b.Bytes()[:i])
		changed := bytes.Clone(b.Bytes())
		changed[i] ^= 0x10
		compare(t, changed)
	}
	compare(t, b.Bytes())
}

// Wherever a stream is cut or changed, it is found out, and said which.
func TestDamage(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		whole := text(rapid.Uint64().Draw(t, "seed"), rapid.IntRange(0, 3000).Draw(t, "size"))
		stream := pack(t, whole, rapid.IntRange(-2, 9).Draw(t, "level"))
		at := rapid.IntRange(0, len(stream)-1).Draw(t, "at")
		compare(t, stream[:at])
		if got, err := ours(bytes.NewReader(stream[:at])); at > 0 && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("cut after %d of %d bytes: %d bytes and %v", at, len(stream), len(got), err)
		}
		stream[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		compare(t, stream)
	})
}

func TestErrorsOfTheSource(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	stream := pack(t, text(3, 200_000), 6)
	for _, at := range []int{0, 5, 10, 11, 2000, len(stream) - 4, len(stream)} {
		if _, err := ours(io.MultiReader(bytes.NewReader(stream[:at]), iotest.ErrReader(broken))); !errors.Is(err, broken) {
			t.Errorf("after %d bytes: %v", at, err)
		}
	}
}

func FuzzReadsAsTheLibraryDoes(f *testing.F) {
	for seed := range uint64(4) {
		f.Add(pack(f, text(seed, 300), int(seed)*2))
	}
	f.Add([]byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x00\x05\xe0\x81\x08\x00\x00\x00\x00\x20\x7f\xeb\x0b"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		compare(t, stream)
		compare(t, append([]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0}, stream...))
	})
}
