package child

import (
	"bufio"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	// The test binary plays the parent that gets killed: it starts a child, says
	// the child's id and waits.
	if os.Getenv("CHILD_TEST_PARENT") != "" {
		p, err := Start(exec.Command("sleep", "600"))
		if err != nil {
			panic(err)
		}
		_, _ = os.Stdout.WriteString(strconv.Itoa(p.PID()) + "\n")
		<-p.Exited()
		return
	}
	os.Exit(m.Run())
}

func TestStartReportsAMissingProgram(t *testing.T) {
	t.Parallel()
	if _, err := Start(exec.Command("/nowhere/program")); err == nil || !strings.Contains(err.Error(), "/nowhere/program") {
		t.Errorf("error %v does not name the program", err)
	}
}

func TestKillWaitsForTheEnd(t *testing.T) {
	t.Parallel()
	p, err := Start(exec.Command("sleep", "600"))
	if err != nil {
		t.Fatal(err)
	}
	p.Kill()
	select {
	case <-p.Exited():
	default:
		t.Fatal("Kill returned before the process was gone")
	}
	if p.Err() == nil {
		t.Error("a killed process must not look like a clean end")
	}
	p.Continue() // to nobody: must not fail
	p.Kill()
	if m := p.PeakMemory(); m != 0 {
		t.Errorf("a dead process uses %d bytes", m)
	}
}

func TestStopReturnsWhenTheProgramStandsStill(t *testing.T) {
	t.Parallel()
	p, err := Start(exec.Command("sh", "-c", "while :; do :; done"))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Kill()
	for range 3 {
		p.Stop()
		before := p.CPUTime()
		time.Sleep(30 * time.Millisecond) // long enough for a busy loop to be charged
		if after := p.CPUTime(); after != before {
			t.Fatal("the stopped program goes on computing")
		}
		p.Continue()
	}
	for deadline := time.Now().Add(10 * time.Second); p.CPUTime() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a busy loop has used no CPU time")
		}
	}
	p.Kill()
	p.Stop() // a program that is gone: must return
	if used := p.CPUTime(); used != 0 {
		t.Errorf("a dead process has used %s", used)
	}
}

func TestPeakMemoryIsTheChildsOwn(t *testing.T) {
	t.Parallel()
	ballast := make([]byte, 96<<20) // the parent is big, the child must not inherit that
	for i := range ballast {
		ballast[i] = 1
	}
	p, err := Start(exec.Command("sleep", "600"))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Kill()
	if m := p.PeakMemory(); m <= 0 || m > 64<<20 {
		t.Errorf("sleep uses %d bytes (the parent holds %d more)", m, len(ballast))
	}
}

func TestAChildDiesWithItsParent(t *testing.T) {
	t.Parallel()
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), "CHILD_TEST_PARENT=1")
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	for deadline := time.Now().Add(10 * time.Second); alive(pid); {
		if time.Now().After(deadline) {
			t.Fatalf("process %d outlived its parent", pid)
		}
		time.Sleep(time.Millisecond) // the kernel does not tell when another process's child ends
	}
}

// alive reports whether the process runs; an ended one that nobody has waited
// for (no init in a container) counts as dead.
func alive(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(after, "Z")
}
