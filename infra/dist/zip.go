package main

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"time"
)

// zipped returns a function's zip for Lambda: the binary alone, executable, under
// the name that the runtime provided.al2023 starts. Of the file only the content
// counts, not its time, mode or path.
func zipped(path string) ([]byte, error) {
	binary, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer binary.Close()
	var content bytes.Buffer
	archive := zip.NewWriter(&content)
	header := &zip.FileHeader{Name: "bootstrap", Method: zip.Deflate, Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)}
	header.SetMode(0o755)
	entry, err := archive.CreateHeader(header)
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(entry, binary); err != nil {
		return nil, err
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	return content.Bytes(), nil
}
