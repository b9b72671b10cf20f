// Command standin stands for the AWS CLI and the SAM CLI in a test. It sends its
// name and arguments to the test, and prints the test's answer. If the CLI would
// read an argument from standard input, it sends that content in its place.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
)

func main() {
	args := slices.Clone(os.Args[1:])
	for i, arg := range args {
		if arg == "file:///dev/stdin" {
			text, _ := io.ReadAll(os.Stdin)
			args[i] = string(text)
		}
	}
	var answer struct {
		Stdout, Stderr string
		Exit           int
	}
	if err := ask(map[string]any{"Program": filepath.Base(os.Args[0]), "Args": args}, &answer); err != nil {
		fmt.Fprintln(os.Stderr, "stand-in:", err)
		os.Exit(1)
	}
	fmt.Print(answer.Stdout)
	fmt.Fprint(os.Stderr, answer.Stderr)
	os.Exit(answer.Exit)
}

func ask(call, answer any) error {
	body, err := json.Marshal(call)
	if err != nil {
		return err
	}
	res, err := http.Post(os.Getenv("STAND_IN"), "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer res.Body.Close()
	return json.NewDecoder(res.Body).Decode(answer)
}
