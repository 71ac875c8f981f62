package component

import (
	"regexp"
	"strings"
)

type diffOp string

const (
	same    diffOp = "same"
	added   diffOp = "add"
	removed diffOp = "del"
)

// diffLine is one line with its numbers in both texts, 0 where it is not in one.
type diffLine struct {
	op            diffOp
	before, after int
	words         []part // what changed in the line is a hit
}

// The most lines, and words of a line, that are compared; beyond it everything counts as changed.
const mostCompared = 2000

func diffLines(before, after string) (out []diffLine) {
	a, b := strings.Split(before, "\n"), strings.Split(after, "\n")
	i, j := 0, 0
	for _, op := range edits(a, b) {
		switch op {
		case same:
			out = append(out, diffLine{same, i + 1, j + 1, []part{{a[i], false}}})
			i, j = i+1, j+1
		case removed:
			out = append(out, diffLine{removed, i + 1, 0, []part{{a[i], false}}})
			i++
		default:
			out = append(out, diffLine{added, 0, j + 1, []part{{b[j], false}}})
			j++
		}
	}
	markWords(out)
	return out
}

// markWords looks at blocks of as many removed as added lines: they are lines that changed.
func markWords(lines []diffLine) {
	count := func(from int, op diffOp) int {
		n := 0
		for from+n < len(lines) && lines[from+n].op == op {
			n++
		}
		return n
	}
	for i := 0; i < len(lines); {
		gone := count(i, removed)
		come := count(i+gone, added)
		if gone > 0 && gone == come {
			for k := range gone {
				x, y := &lines[i+k], &lines[i+gone+k]
				x.words, y.words = diffWords(x.words[0].text, y.words[0].text)
			}
		}
		i += max(1, gone+come)
	}
}

var wordOrGap = regexp.MustCompile(`[\pL\pN_]+|\s+|[^\pL\pN_\s]`)

func diffWords(before, after string) (x, y []part) {
	a, b := wordOrGap.FindAllString(before, -1), wordOrGap.FindAllString(after, -1)
	i, j := 0, 0
	for _, op := range edits(a, b) {
		if op != added {
			x = append(x, part{a[i], op == removed})
			i++
		}
		if op != removed {
			y = append(y, part{b[j], op == added})
			j++
		}
	}
	return x, y
}

// edits turn a into b by the longest common subsequence, removals before additions.
func edits(a, b []string) (ops []diffOp) {
	if len(a) > mostCompared || len(b) > mostCompared {
		for range a {
			ops = append(ops, removed)
		}
		for range b {
			ops = append(ops, added)
		}
		return ops
	}
	width := len(b) + 1
	common := make([]int32, (len(a)+1)*width) // of the rests of a and b
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				common[i*width+j] = common[(i+1)*width+j+1] + 1
			} else {
				common[i*width+j] = max(common[(i+1)*width+j], common[i*width+j+1])
			}
		}
	}
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			ops = append(ops, same)
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && common[(i+1)*width+j] >= common[i*width+j+1]:
			ops = append(ops, removed)
			i++
		default:
			ops = append(ops, added)
			j++
		}
	}
	return ops
}
