package dashboard

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
)

//go:embed report.html
var page string

// Write writes the tiles as one HTML page that needs nothing else. The title
// is for people: the file or the run that the tiles are of.
func (t Tiles) Write(w io.Writer, title string) error {
	report, err := template.New("report").Funcs(template.FuncMap{"lower": strings.ToLower}).Parse(page)
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	if err := report.Execute(w, struct {
		Title string
		Tiles
	}{title, t}); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}
