package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// build makes both Lambda binaries for this machine, from the source and with
// the flags of the deployed ones.
func build(ctx context.Context, root, bin string) error {
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		return errors.New("there is no go.mod here: start it in the repository's root, with `make run`")
	}
	bin, err := filepath.Abs(bin)
	if err != nil {
		return fmt.Errorf("build the functions: %w", err)
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false",
		"-tags", "lambda.norpc,grpcnotrace", "-ldflags", "-s -w -buildid=",
		"-o", bin+string(filepath.Separator), "./functions/collector", "./functions/forwarder")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the functions: %w\n%s", err, strings.TrimSpace(string(out)))
	}
	return nil
}
