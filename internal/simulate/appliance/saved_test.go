package appliance_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"runecast-ingest/internal/fault"
	"runecast-ingest/internal/simulate/appliance"
)

// pack compresses what write writes.
func pack(t testing.TB, w io.Writer, write func(io.Writer) error) {
	t.Helper()
	packer, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(write(packer), packer.Close()); err != nil {
		t.Fatal(err)
	}
}

func packFile(t testing.TB, path string, write func(io.Writer) error) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	pack(t, f, write)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// testdata/results.json is written by hand, with white space, escapes, nulls
// and members that only a byte-for-byte copy keeps.
var testdata = appliance.Options{
	ResultsFile:  filepath.Join("testdata", "results.json"),
	IssuesFile:   filepath.Join("testdata", "issues.json"),
	VCentersFile: filepath.Join("testdata", "vcenters.json"),
	Token:        adminToken,
	ScanTime:     time.Minute,
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func TestSavedDocumentsAreServedAsTheyAre(t *testing.T) {
	t.Parallel()
	packed := testdata
	for _, file := range []*string{&packed.ResultsFile, &packed.IssuesFile, &packed.VCentersFile} {
		var b bytes.Buffer
		content := read(t, *file)
		pack(t, &b, func(w io.Writer) error { _, err := w.Write(content); return err })
		*file = saveFile(t, "packed", b.Bytes())
	}
	for name, options := range map[string]appliance.Options{"plain": testdata, "gzip": packed} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAppliance(t, options)
			for path, file := range map[string]string{
				"/rc2/api/v1/results":  testdata.ResultsFile,
				"/rc2/api/v1/issues":   testdata.IssuesFile,
				"/rc2/api/v1/vcenters": testdata.VCentersFile,
			} {
				if diff := cmp.Diff(string(read(t, file)), call(t, a, http.MethodGet, path).Body.String()); diff != "" {
					t.Errorf("%s (-saved +served):\n%s", path, diff)
				}
			}
			if got := call(t, a, http.MethodGet, "/rc2/api/v1/licenses").Code; got != http.StatusOK {
				t.Errorf("licences: %d", got)
			}
		})
	}
}

func TestHostileBytesSurvive(t *testing.T) {
	t.Parallel()
	document := "\n{\"results\":[{\"uid\":\"u\",\"uid\":\"u\",\"a\":\"\xff\xfe \\ud800 \\u0000\",\"n\":-0.0e-400,\"issues\":[null,7,{\"status\":\"\\u0050ASS\"}],\"scanStatus\":{\"timestamp\":\"\\u0032\"}}]}\r\n"
	time0 := newClock()
	a := newAppliance(t, appliance.Options{ResultsFile: saveFile(t, "results.json", []byte(document)), Token: adminToken, Now: time0.Now})
	if got := string(written(t, a.WriteResults)); got != document {
		t.Errorf("served %q, want %q", got, document)
	}
	trigger(t, a, "u")
	time0.advance(appliance.DefaultScanTime)
	want := strings.NewReplacer(`,{"status":"\u0050ASS"}`, ``, `"\u0032"`, `"2026-11-22T02:00:02.000Z"`).Replace(document)
	if got := call(t, a, http.MethodGet, "/rc2/api/v1/results?onlyDetectedIssues=true").Body.String(); got != want {
		t.Errorf("after the scan %q, want %q", got, want)
	}
}

func TestSavedSystems(t *testing.T) {
	t.Parallel()
	want := []appliance.System{
		{ID: "11111111-0000-4000-8000-000000000001", Name: "vc-a.example", Type: "VCENTER"},
		{ID: "11111111-0000-4000-8000-000000000002", Name: "Produktion „Süd“", Type: "AWS"},
		{ID: "11111111-0000-4000-8000-000000000003", Name: "11111111-0000-4000-8000-000000000003", Type: "AZURE"},
		{ID: "cluster-11111111-0000-4000-8000-000000000004", Name: "k8s.example", Type: "KUBERNETES_CLUSTER"},
		{ID: "11111111-0000-4000-8000-000000000005", Name: "11111111-0000-4000-8000-000000000005", Type: "UNKNOWN"},
		{ID: "11111111-0000-4000-8000-000000000006", Name: "11111111-0000-4000-8000-000000000006", Type: "VCENTER"},
	}
	if diff := cmp.Diff(want, newAppliance(t, testdata).Systems()); diff != "" {
		t.Errorf("systems (-want +got):\n%s", diff)
	}
}

func TestVCentersAreDerived(t *testing.T) {
	t.Parallel()
	options := testdata
	options.VCentersFile, options.IssuesFile = "", ""
	a := newAppliance(t, options)
	got := decode[struct {
		VCenters []struct{ UID, Address string }
	}](t, call(t, a, http.MethodGet, "/rc2/api/v1/vcenters").Body.Bytes()).VCenters
	want := []struct{ UID, Address string }{
		{"11111111-0000-4000-8000-000000000001", "11111111-0000-4000-8000-000000000001"},
		{"11111111-0000-4000-8000-000000000006", "11111111-0000-4000-8000-000000000006"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("vCenters (-want +got):\n%s", diff)
	}
	if first := a.Systems()[0]; first.Name != first.ID {
		t.Errorf("a derived vCenter is called %q", first.Name)
	}
	if got := string(written(t, a.WriteIssues)); got != `{"issues":[]}` {
		t.Errorf("the missing catalogue is %s", got)
	}
}

func TestSavedTimestampsMove(t *testing.T) {
	t.Parallel()
	time0 := newClock()
	options := testdata
	options.Now = time0.Now
	a := newAppliance(t, options)
	before := string(read(t, testdata.ResultsFile))

	trigger(t, a, "11111111-0000-4000-8000-000000000002") // an ISO timestamp, after its issues
	trigger(t, a, "11111111-0000-4000-8000-000000000003") // in milliseconds
	trigger(t, a, "11111111-0000-4000-8000-000000000005") // null
	trigger(t, a, "11111111-0000-4000-8000-000000000009") // a vCenter without results
	time0.advance(59 * time.Second)
	if got := string(written(t, a.WriteResults)); got != before {
		t.Errorf("the document changes before the scan ends:\n%s", cmp.Diff(before, got))
	}

	time0.advance(time.Second)
	want := strings.NewReplacer(
		`"2023-01-11T02:03:10Z"`, `"2026-11-22T02:01:00.000Z"`,
		`1673402591000`, `1795312860000`,
	).Replace(before)
	if want == before {
		t.Fatal("the sample has not got these timestamps")
	}
	if diff := cmp.Diff(want, string(written(t, a.WriteResults))); diff != "" {
		t.Errorf("after the scan (-want +got):\n%s", diff)
	}
}

func TestSavedFilters(t *testing.T) {
	t.Parallel()
	a := newAppliance(t, testdata)
	all := decode[resultsDocument](t, read(t, testdata.ResultsFile))
	for i := range all.Results {
		if all.Results[i].Issues == nil {
			t.Fatalf("results[%d] of the sample has no list of issues", i)
		}
	}
	answer := call(t, a, http.MethodGet, "/rc2/api/v1/results?onlyDetectedIssues=true")
	checkDetected(t, all, decode[resultsDocument](t, answer.Body.Bytes()))

	var ids []any
	answer = call(t, a, http.MethodGet, "/rc2/api/v1/issues?type=STIG")
	for _, entry := range decode[struct{ Issues []issue }](t, answer.Body.Bytes()).Issues {
		ids = append(ids, entry.ID)
	}
	if diff := cmp.Diff([]any{"1003", 1004.0}, ids); diff != "" {
		t.Errorf("/issues?type=STIG (-want +got):\n%s", diff)
	}
}

// Whatever is filtered out of a list, the rest is JSON and in order.
func TestFilteredListsStayJSON(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		statuses := rapid.SliceOf(rapid.SampledFrom([]string{"PASS", "FAIL"})).Draw(rt, "statuses")
		gap := rapid.SampledFrom([]string{"", " ", "\n\t "}).Draw(rt, "gap")
		var issues, want []string
		for i, status := range statuses {
			issues = append(issues, fmt.Sprintf(`{"id":%d,"status":%q}`, i, status))
			if status == "FAIL" {
				want = append(want, fmt.Sprint(i))
			}
		}
		path := filepath.Join(dir, "results.json")
		document := `{"results":[{"uid":"u","issues":[` + gap + strings.Join(issues, gap+","+gap) + gap + `]}]}`
		if err := os.WriteFile(path, []byte(document), 0o600); err != nil {
			rt.Fatal(err)
		}
		a, err := appliance.New(appliance.Options{ResultsFile: path, Token: adminToken})
		if err != nil {
			rt.Fatal(err)
		}
		var got []string
		answer := call(t, a, http.MethodGet, "/rc2/api/v1/results?onlyDetectedIssues=true")
		for _, issue := range decode[resultsDocument](t, answer.Body.Bytes()).Results[0].Issues {
			got = append(got, fmt.Sprint(issue.ID))
		}
		if !cmp.Equal(got, want) {
			rt.Fatalf("%s: kept %v, want %v", document, got, want)
		}
	})
}

// What the seeded appliance says of its systems is what its documents tell.
func TestSeededSystemsFollowFromTheDocuments(t *testing.T) {
	t.Parallel()
	seeded := newAppliance(t, appliance.Options{Seed: 5, Findings: 280, Token: adminToken, Now: newClock().Now})
	saved := newAppliance(t, appliance.Options{
		ResultsFile:  saveFile(t, "results.json", written(t, seeded.WriteResults)),
		IssuesFile:   saveFile(t, "issues.json", written(t, seeded.WriteIssues)),
		VCentersFile: saveFile(t, "vcenters.json", call(t, seeded, http.MethodGet, "/rc2/api/v1/vcenters").Body.Bytes()),
	})
	if diff := cmp.Diff(seeded.Systems(), saved.Systems()); diff != "" {
		t.Errorf("systems (-seeded +saved):\n%s", diff)
	}
	if !bytes.Equal(written(t, seeded.WriteResults), written(t, saved.WriteResults)) {
		t.Error("the results differ")
	}
}

func TestTypesByProduct(t *testing.T) {
	t.Parallel()
	element := func(uid string, products ...string) string {
		var issues []string
		for _, product := range products {
			issues = append(issues, fmt.Sprintf(`{"products":[{"name":%q}]}`, product))
		}
		return fmt.Sprintf(`{"uid":%q,"issues":[%s]}`, uid, strings.Join(issues, ","))
	}
	tests := map[string]struct{ element, want string }{
		"NSX-T":                 {element("u", "NSX-T"), "NSXT"},
		"NSX before vSphere":    {element("u", "NSX for vSphere"), "NSXT"},
		"AWS":                   {element("u", "aws"), "AWS"},
		"Amazon":                {element("u", "Amazon Web Services"), "AWS"},
		"EKS of Amazon":         {element("u", "Amazon EKS"), "KUBERNETES_CLUSTER"},
		"ESX":                   {element("u", "VMware ESX 9.0"), "VCENTER"},
		"behind on":             {element("u", "Database on AWS"), "UNKNOWN"},
		"Azure":                 {element("u", "Microsoft AZURE"), "AZURE"},
		"GCP":                   {element("u", "GCP"), "GCP"},
		"Google":                {element("u", "Google Cloud"), "GCP"},
		"OpenShift":             {element("u", "OpenShift"), "KUBERNETES_CLUSTER"},
		"EKS":                   {element("u", "EKS"), "KUBERNETES_CLUSTER"},
		"Horizon":               {element("u", "VMware Horizon"), "HORIZON"},
		"Cloud Director":        {element("u", "VMware Cloud Director"), "VCD"},
		"Windows":               {element("u", "Windows Server"), "WINDOWS"},
		"Linux":                 {element("u", "SUSE Linux"), "LINUX"},
		"ESXi":                  {element("u", "ESXi"), "VCENTER"},
		"vCenter":               {element("u", "vCenter Server"), "VCENTER"},
		"first decisive":        {element("u", "Everything", "Horizon", "vSphere"), "HORIZON"},
		"cluster uid":           {element("cluster-u", "vSphere"), "KUBERNETES_CLUSTER"},
		"nothing":               {element("u"), "UNKNOWN"},
		"ARN":                   {`{"uid":"u","issues":[{"affectedObjects":[null,{"moid":7},{"moid":"arn:aws-cn:s3:::b"}]}]}`, "AWS"},
		"subscription":          {`{"uid":"u","issues":[{"affectedObjects":[{"moid":"/subscriptions/1"}],"products":null}]}`, "AZURE"},
		"product before object": {`{"uid":"u","issues":[{"affectedObjects":[{"moid":"arn:aws:s3:::b"}],"products":[{"name":"Azure"}]}]}`, "AZURE"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := saveFile(t, "results.json", []byte(`{"results":[`+tt.element+`]}`))
			if got := newAppliance(t, appliance.Options{ResultsFile: path}).Systems()[0].Type; got != tt.want {
				t.Errorf("type %s, want %s", got, tt.want)
			}
		})
	}
}

func TestUnusableDocuments(t *testing.T) {
	t.Parallel()
	const good = `{"results":[]}`
	tests := map[string]struct{ results, issues, vcenters, blamed, says string }{
		"empty file":         {results: "", blamed: "results", says: "unexpected EOF"},
		"HTML":               {results: "<html>", blamed: "results", says: "invalid character"},
		"cut":                {results: `{"results":[{"uid":"u","issues":[{"id":`, blamed: "results", says: "unexpected EOF"},
		"no results":         {results: `{}`, blamed: "results", says: "no member results"},
		"a v2 document":      {results: `{"createdTs":1,"scannedIssues":[]}`, blamed: "results", says: "no member results"},
		"a list":             {results: `[]`, blamed: "results", says: "is not an object"},
		"results null":       {results: `{"results":null}`, blamed: "results", says: "/results is not a list"},
		"system is a number": {results: `{"results":[7]}`, blamed: "results", says: "/results/0 is not an object"},
		"no uid":             {results: `{"results":[{"issues":[]}]}`, blamed: "results", says: "/results/0 has no uid"},
		"two documents":      {results: good + good, blamed: "results", says: "more than one"},
		"cut gzip":           {results: "\x1f\x8b\x08\x00\x00\x00\x00\x00", blamed: "results", says: "EOF"},
		"catalogue":          {results: good, issues: good, blamed: "issues", says: "no member issues"},
		"catalogue is cut":   {results: good, issues: `{"issues":[`, blamed: "issues", says: "unexpected EOF"},
		"vCenters":           {results: good, vcenters: good, blamed: "vcenters", says: "no member vcenters"},
		"vCenters are text":  {results: good, vcenters: `{"vcenters":"x"}`, blamed: "vcenters", says: "vcenters"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			options := appliance.Options{ResultsFile: saveFile(t, "results.json", []byte(tt.results))}
			if tt.issues != "" {
				options.IssuesFile = saveFile(t, "issues.json", []byte(tt.issues))
			}
			if tt.vcenters != "" {
				options.VCentersFile = saveFile(t, "vcenters.json", []byte(tt.vcenters))
			}
			_, err := appliance.New(options)
			checkFault(t, err, tt.blamed+".json: not an API v1 /"+tt.blamed+" document", tt.says, "save the unchanged body of GET /rc2/api/v1/"+tt.blamed)
		})
	}
}

func TestUnusableOptions(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		options appliance.Options
		says    string
	}{
		"no such file":         {appliance.Options{ResultsFile: filepath.Join(t.TempDir(), "missing.json")}, "missing.json"},
		"catalogue alone":      {appliance.Options{IssuesFile: testdata.IssuesFile}, "without a results document"},
		"negative findings":    {appliance.Options{Findings: -1}, "negative"},
		"negative scan length": {appliance.Options{ScanTime: -time.Second}, "negative"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := appliance.New(tt.options)
			checkFault(t, err, tt.says)
		})
	}
}

func checkFault(t *testing.T, err error, says ...string) {
	t.Helper()
	problem, ok := errors.AsType[*fault.Error](err)
	if !ok || problem.Class != fault.Config || problem.Cure == "" {
		t.Fatalf("error %#v, want a config fault with a cure", err)
	}
	for _, part := range says {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error %q does not say %q", err, part)
		}
	}
}
