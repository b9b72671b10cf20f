package main

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// folder holds what is made here, in the repository's root.
const folder = "out/calendar"

// drift is how much later than the moment a program's time may be: the program has
// to be built before it can say its time.
const drift = 10 * time.Minute

// world is an environment in which the go command builds programs that run at
// another time. `go build -overlay` replaces files of the standard library, so that
// time.Now and the dates of files add the number of seconds which a file holds. The
// file's path is part of the program and not of its environment, since child
// processes often get an environment of their own. The flag is in the go command's
// file of settings (GOENV) and not in GOFLAGS, which some builds clear.
type world struct {
	dir  string   // absolute path of the folder
	root string   // GOROOT
	zone string   // name of the local zone
	env  []string // of commands in this world, as NAME=value
}

// newWorld returns a world with a local zone. prepare must follow.
func newWorld(ctx context.Context, zone string) (*world, error) {
	if _, err := os.Stat("template.yaml"); err != nil {
		return nil, errors.New("this is not the repository's root")
	}
	dir, err := filepath.Abs(folder)
	if err != nil {
		return nil, fmt.Errorf("find the folder: %w", err)
	}
	root, err := goEnv(ctx, "GOROOT")
	if err != nil {
		return nil, err
	}
	w := &world{dir: dir, root: root, zone: zone}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the folder: %w", err)
	}
	return w, nil
}

// goEnv returns a setting of the go command.
func goEnv(ctx context.Context, name string) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", name).Output()
	if err != nil {
		return "", fmt.Errorf("ask for %s: %w", name, err)
	}
	return strings.TrimSpace(string(out)), nil
}

// prepare writes the overlay and the settings of the go command, and builds the S3
// server with them. A crash leaves files below out/calendar, which the next run
// writes anew.
func (w *world) prepare(ctx context.Context) error {
	replace, contents := map[string]string{}, map[string][]byte{}
	for _, m := range moves() {
		source := filepath.Join(w.root, "src", m.file)
		original, err := os.ReadFile(source)
		if err != nil {
			return fmt.Errorf("read the standard library: %w", err)
		}
		moved, err := m.apply(original, w.secondsFile())
		if err != nil {
			return err
		}
		name := strings.ReplaceAll(m.file, "/", "_") + ".txt" // with the ending .go it would be part of ./...
		replace[source], contents[name] = w.file(name), moved
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": replace})
	if err != nil {
		return fmt.Errorf("describe the overlay: %w", err)
	}
	settings, err := w.settings(ctx)
	if err != nil {
		return err
	}
	zone, err := w.zoneFile()
	if err != nil {
		return err
	}
	contents["overlay.json"], contents["goenv"] = overlay, settings
	for name, content := range contents {
		if err := os.WriteFile(w.file(name), content, 0o644); err != nil {
			return fmt.Errorf("write the overlay: %w", err)
		}
	}
	server := w.file("versitygw")
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "GOFLAGS=") {
			w.env = append(w.env, v)
		}
	}
	w.env = append(w.env, "GOENV="+w.file("goenv"), "TZ="+zone, "RUNECAST_INGEST_S3_SERVER="+server, "VERSITYGW="+server)
	if err := os.Remove(server); err != nil && !errors.Is(err, os.ErrNotExist) { // another Go version may have built it
		return fmt.Errorf("remove the S3 server: %w", err)
	}
	return w.run(ctx, "make", "--no-print-directory", "tools")
}

func (w *world) file(name string) string { return filepath.Join(w.dir, name) }

// secondsFile returns the path of the file that holds by how many seconds programs
// are ahead.
func (w *world) secondsFile() string { return w.file("seconds") }

// settings returns the go command's present settings with the overlay added. Results
// of tests are not taken from its cache (-count=1), which does not know the moment.
// Paths are trimmed as in the functions' builds, so that packages that all builds
// have in common are built once.
func (w *world) settings(ctx context.Context) ([]byte, error) {
	flags, err := goEnv(ctx, "GOFLAGS")
	if err != nil {
		return nil, err
	}
	path, err := goEnv(ctx, "GOENV")
	if err != nil {
		return nil, err
	}
	before, err := os.ReadFile(path)
	if err != nil && path != "off" && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("read the settings of the go command: %w", err)
	}
	var b bytes.Buffer
	for line := range strings.Lines(string(before)) {
		if !strings.HasPrefix(line, "GOFLAGS=") && !strings.HasPrefix(line, "CGO_ENABLED=") {
			b.WriteString(strings.TrimSuffix(line, "\n") + "\n")
		}
	}
	fmt.Fprintf(&b, "CGO_ENABLED=0\nGOFLAGS=%s\n", strings.TrimSpace(flags+" -count=1 -trimpath '-overlay="+w.file("overlay.json")+"'"))
	return b.Bytes(), nil
}

// zoneFile returns the value of TZ for the zone: its name, or the path of a file
// with the zone from the Go tree if the system does not know it.
func (w *world) zoneFile() (string, error) {
	if _, err := os.Stat("/usr/share/zoneinfo/" + w.zone); err == nil || w.zone == "UTC" {
		return w.zone, nil
	}
	zones, err := zip.OpenReader(filepath.Join(w.root, "lib", "time", "zoneinfo.zip"))
	if err != nil {
		return "", fmt.Errorf("find the zone %s (Debian: apt-get install tzdata): %w", w.zone, err)
	}
	defer zones.Close()
	zone, err := zones.Open(w.zone)
	if err != nil {
		return "", fmt.Errorf("find the zone %s: %w", w.zone, err)
	}
	defer zone.Close()
	content, err := io.ReadAll(zone)
	if err == nil {
		err = os.WriteFile(w.file("zone"), content, 0o644)
	}
	if err != nil {
		return "", fmt.Errorf("write the zone %s: %w", w.zone, err)
	}
	return w.file("zone"), nil
}

// move sets the moment. It then builds and asks a program to make sure that
// programs have this time, also those that are built with an empty GOFLAGS.
func (w *world) move(ctx context.Context, at time.Time) error {
	if err := w.set(at); err != nil {
		return err
	}
	cmd := w.command(ctx, "go", "run", "./infra/calendar", "-show")
	cmd.Env = append(cmd.Env, "GOFLAGS=")
	cmd.Stdout = nil
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("ask a program for its time: %w", err)
	}
	seconds, err := strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
	if late := time.Unix(seconds, 0).Sub(at); err != nil || late < -time.Minute || late > drift {
		return fmt.Errorf("a program that was built for %s says that it is %s (%w)", at.Format(time.RFC3339), time.Unix(seconds, 0).UTC().Format(time.RFC3339), cmp.Or(err, errors.New("its time is the wrong one")))
	}
	return w.set(at) // again, since building that program took its time
}

// set makes a moment the present time of all programs of this world.
func (w *world) set(at time.Time) error {
	seconds := int64(time.Until(at) / time.Second)
	if err := os.WriteFile(w.secondsFile(), strconv.AppendInt(nil, seconds, 10), 0o644); err != nil {
		return fmt.Errorf("set the moment: %w", err)
	}
	return nil
}

func (w *world) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = w.env, os.Stdout, os.Stderr
	return cmd
}

// run runs a command in the world.
func (w *world) run(ctx context.Context, name string, args ...string) error {
	if err := w.command(ctx, name, args...).Run(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
