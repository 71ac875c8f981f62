package card

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// headings are those of the free texts of a card in a README, the one we write first; the others are of the template of
// Hugging Face and in use.
var headings = map[string][]string{
	"summary":            {"Summary", "Model Summary", "Model Description", "Description"},
	"intended_use":       {"Intended use", "Intended uses", "Intended uses & limitations", "Direct Use"},
	"users":              {"Users", "Intended users", "Primary intended users"},
	"out_of_scope_use":   {"Out-of-scope use", "Out-of-scope uses", "Out of scope use"},
	"foreseeable_misuse": {"Foreseeable misuse", "Misuse"},
	"limitations":        {"Limitations", "Bias, Risks, and Limitations", "Bias, Risks and Limitations", "Limitations and bias", "Risks and limitations", "Known limitations"},
	"tradeoffs":          {"Trade-offs", "Tradeoffs", "Performance trade-offs"},
	"human_oversight":    {"Human oversight"},
	"instructions":       {"Instructions for use", "How to use", "How to Get Started with the Model", "Usage"},
	"logging":            {"Logging"},
	"security":           {"Security", "Security measures"},
}

// fieldOf finds the field of a heading in lower case.
var fieldOf = func() map[string]string {
	of := map[string]string{}
	for name, titles := range headings {
		for _, title := range titles {
			of[strings.ToLower(title)] = name
		}
	}
	return of
}()

// What stands between these lines repeats fields for readers, and is not read back. Behind the second is the free text,
// whatever headings it has.
const (
	beginMark = "<!-- slipway: the tables below repeat the metadata above -->"
	endMark   = "<!-- slipway: the text below is free -->"
)

// body is c in Markdown: its name, the texts under their headings, tables of the rest, and the free text.
func (c Card) body() string {
	var parts []string
	add := func(part string) {
		if part != "" {
			parts = append(parts, part)
		}
	}
	if name := title(c.Name); name != "" {
		add("# " + name)
	}
	for _, t := range c.texts() {
		if titles, ok := headings[t.name]; ok && *t.at != "" {
			add("## " + titles[0] + "\n\n" + embed(*t.at))
		}
	}
	if tables := c.tables(); tables != "" {
		add(beginMark + "\n\n" + tables)
	}
	free := closed(unmarked(c.Text))
	if len(parts) > 0 && (free != "" || strings.Contains(parts[len(parts)-1], beginMark)) || len(chunks(free)) > 1 {
		add(endMark)
	}
	add(free)
	if len(parts) == 0 {
		return ""
	}
	return strings.Join(parts, "\n\n") + "\n"
}

var (
	headingLine = regexp.MustCompile(`^ {0,3}(#{1,6})(?:[ \t]+(.*))?$`)
	fenceLine   = regexp.MustCompile("^ {0,3}(`{3,}|~{3,})(.*)$")
	comment     = regexp.MustCompile(`^ {0,3}<!--`)
	placeholder = regexp.MustCompile(`(?i)^\[?more information needed\]?\.?$`)
)

// heading is the text of a heading: on one line, without closing signs.
func heading(s string) string {
	words := strings.Fields(s)
	for len(words) > 0 && strings.Trim(words[len(words)-1], "#") == "" {
		words = words[:len(words)-1]
	}
	return strings.Join(words, " ")
}

// title is the text of a heading that can name a model: none of our marks, and no heading of a section.
func title(s string) string {
	s = unmarked(heading(s))
	if fieldOf[strings.ToLower(s)] != "" || s == unnamed {
		return ""
	}
	return s
}

// scanner follows lines through blocks that are no prose: code (CommonMark 0.31, §4.5) and comments (§4.6, kind 2).
type scanner struct{ open string } // what began the block

// prose reports whether the line is outside such blocks, which their first and last lines are not.
func (f *scanner) prose(line string) bool {
	m := fenceLine.FindStringSubmatch(line)
	switch {
	case f.open == "" && comment.MatchString(line):
		f.open = "<!--"
	case f.open == "" && m != nil && (m[1][0] == '~' || !strings.Contains(m[2], "`")):
		f.open = m[1]
		return false
	case f.open == "":
		return true
	}
	if f.open == "<!--" && strings.Contains(line, "-->") ||
		m != nil && m[1][0] == f.open[0] && len(m[1]) >= len(f.open) && strings.TrimSpace(m[2]) == "" {
		f.open = ""
	}
	return false
}

// end is the line that would end the block, "" outside.
func (f *scanner) end() string {
	if f.open == "<!--" {
		return "-->"
	}
	return f.open
}

// level is the level of a heading and its text, 0 for other lines.
func level(line string) (int, string) {
	m := headingLine.FindStringSubmatch(line)
	if m == nil {
		return 0, ""
	}
	return len(m[1]), heading(m[2])
}

// embed is a text as it stands under a heading of the second level: its own are deeper, its code blocks end.
func embed(s string) string {
	lines := strings.Split(closed(unmarked(s)), "\n")
	var f scanner
	top := 3
	for _, line := range lines {
		if n, _ := level(line); f.prose(line) && n > 0 {
			top = min(top, n)
		}
	}
	if top == 3 {
		return strings.Join(lines, "\n")
	}
	f = scanner{}
	for i, line := range lines {
		if n, _ := level(line); f.prose(line) && n > 0 {
			at := strings.IndexByte(line, '#')
			lines[i] = line[:at] + strings.Repeat("#", min(3-top, 6-n)) + line[at:]
		}
	}
	return strings.Join(lines, "\n")
}

// closed is a text whose last block of code or comment ends.
func closed(s string) string {
	var f scanner
	for line := range strings.SplitSeq(s, "\n") {
		f.prose(line)
	}
	if f.open == "" {
		return s
	}
	return s + "\n" + f.end()
}

// unmarked is a text without our own marks. What takes their place cannot become part of one.
func unmarked(s string) string { return unmark.Replace(s) }

var unmark = strings.NewReplacer(beginMark, "<!-- -->", endMark, "<!-- -->")

// readBody takes the texts under known headings into their fields, and the rest as text. It returns the title: the
// first line, if that is a heading of the first level. Of our own README the tables are left out.
func (c *Card) readBody(body string, exported bool) (name string) {
	body, free, _ := strings.Cut(body, endMark)
	if exported {
		body, _, _ = strings.Cut(body, beginMark)
	}
	body = tidy(unmarked(body))
	first, rest, _ := strings.Cut(body, "\n")
	if n, text := level(first); n == 1 {
		name = title(text)
	}
	if name != "" {
		body = tidy(rest)
	}
	text := c.readSections(body)
	c.Text = closed(tidy(text + "\n" + tidy(unmarked(free))))
	return name
}

// chunk is a heading with the text up to the next one; the first may have no heading.
type chunk struct {
	level int
	field string // of the heading, "" if it is not known
	lines []string
}

func chunks(body string) []chunk {
	all := []chunk{{}}
	var f scanner
	for line := range strings.SplitSeq(body, "\n") {
		if n, title := level(line); f.prose(line) && n > 0 {
			all = append(all, chunk{level: n, field: fieldOf[strings.ToLower(title)]})
		}
		last := &all[len(all)-1]
		last.lines = append(last.lines, line)
	}
	return all
}

// readSections takes the texts under known headings out of body, which it returns.
func (c *Card) readSections(body string) string {
	fields := map[string]*string{}
	for _, t := range c.texts() {
		fields[t.name] = t.at
	}
	var text []string
	taken := map[string][]string{}
	in, depth := "", 0 // the field that lines go to, and the level of its heading
	all := chunks(body)
	for i, part := range all {
		deeper := i+1 < len(all) && all[i+1].level > part.level && all[i+1].field == ""
		switch {
		case part.field != "" && taken[part.field] == nil && *fields[part.field] == "" && (says(part.lines[1:]) || deeper):
			in, depth = part.field, part.level
			taken[in] = append(taken[in], part.lines[1:]...)
		case part.field == "" && in != "" && part.level > depth:
			taken[in] = append(taken[in], part.lines...)
		default:
			in = ""
			text = append(text, part.lines...)
		}
	}
	for name, lines := range taken {
		*fields[name] = embed(tidy(strings.Join(own(lines), "\n")))
	}
	return closed(tidy(strings.Join(text, "\n")))
}

// own are the lines of a section without the template's help, which are comments of one line.
func own(lines []string) []string {
	var out []string
	var f scanner
	for _, line := range lines {
		one := f.open == "" && comment.MatchString(line) && strings.Index(line, "-->") == len(strings.TrimRight(line, " \t"))-len("-->")
		if f.prose(line); !one {
			out = append(out, line)
		}
	}
	return out
}

// says reports whether a section says something.
func says(lines []string) bool {
	s := strings.TrimSpace(strings.Join(own(lines), "\n"))
	return s != "" && !placeholder.MatchString(s)
}

// tables are what the metadata holds, for readers.
func (c Card) tables() string {
	var t tables
	t.list("Owner", "Owner", c.Owner)
	t.table("Contacts", "Name", "E-mail", "Role")
	for _, v := range c.Contacts {
		t.row(v.Name, v.Email, v.Role)
	}
	t.list("Model", "Kind", string(c.Kind), "Architecture", c.Architecture, "Library", strings.TrimSpace(c.Library.Name+" "+c.Library.Version),
		"Relation to the base model", string(c.Relation))
	t.table("Base models", "Name", "Version", "Digest")
	for _, v := range c.BaseModels {
		t.row(v.Name, v.Version, v.Digest)
	}
	for _, side := range []struct {
		title string
		ports []Port
	}{{"Inputs", c.Inputs}, {"Outputs", c.Outputs}} {
		t.table(side.title, "Name", "Type", "Shape", "Meaning")
		for _, v := range side.ports {
			t.row(v.Name, v.Type, v.Shape, v.Description)
		}
	}
	t.table("Data", "Name", "Use", "Source", "Digest", "Licence", "Personal data", "Sensitive data", "Until")
	for _, v := range c.Datasets {
		t.row(v.Name, string(v.Use), v.Source, v.Digest, v.Licence, string(v.PersonalData), strings.Join(v.SensitiveData, ", "), v.CutOff)
	}
	t.table("Results", "Metric", "Value", "Slice", "Interval", "Items", "Data", "Origin")
	for _, v := range c.Metrics {
		t.row(v.Name, number(v.Value), v.Slice, v.Interval.String(), count(v.N), v.Dataset, string(v.Origin))
	}
	t.table("Fairness", "Group", "Benefit", "Harm", "Mitigation")
	for _, v := range c.Fairness {
		t.row(v.Group, v.Benefit, v.Harm, v.Mitigation)
	}
	t.table("Ethical risks", "Risk", "Mitigation")
	for _, v := range c.Ethics {
		t.row(v.Name, v.Mitigation)
	}
	e := c.Environment
	t.list("Environment", "Energy in kWh", amount(e.EnergyKWh), "CO2e in kg", amount(e.CO2eKg), "Hours", amount(e.Hours), "Hardware", e.Hardware, "Region", e.Region, "Source", e.Source)
	t.list("Licence", "Weights", c.Licence.Weights, "Code", c.Licence.Code, "Data", c.Licence.Data)
	t.list("Risk class", "Class", string(c.RiskClass), "Rationale", c.RiskRationale, "Next review", c.ReviewDate)
	t.list("Origin", "Version", c.Version, "Run", c.Source.Run, "Repository", c.Source.Repository, "Commit", c.Source.Commit, "Trainer", c.Source.Trainer)
	t.table("Parameters", "Name", "Value")
	for _, v := range c.Parameters {
		t.row(v.Name, v.Value)
	}
	return strings.TrimSpace(t.b.String())
}

// tables writes Markdown tables; a heading stands only over something.
type tables struct {
	b       strings.Builder
	pending string
}

func (t *tables) table(title string, heads ...string) {
	t.pending = "\n## " + title + "\n\n| " + strings.Join(heads, " | ") + " |\n|" + strings.Repeat(" --- |", len(heads)) + "\n"
}

func (t *tables) row(cells ...string) {
	t.b.WriteString(t.pending)
	t.pending = ""
	for _, cell := range cells {
		t.b.WriteString("| " + unmarked(cellText.Replace(cell)) + " ")
	}
	t.b.WriteString("|\n")
}

// list writes a table of names and values, those that say something.
func (t *tables) list(title string, pairs ...string) {
	t.table(title, "", "")
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			t.row(pairs[i], pairs[i+1])
		}
	}
}

var cellText = strings.NewReplacer("\n", " ", "|", `\|`)

func number(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

// amount is f, "" if it is not said.
func amount(f float64) string {
	if f == 0 {
		return ""
	}
	return number(f)
}

func count(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

func (i *Interval) String() string {
	if i == nil {
		return ""
	}
	return fmt.Sprintf("%s to %s", number(i.Low), number(i.High))
}
