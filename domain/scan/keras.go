package scan

import (
	"errors"
	"io"
	"regexp"
)

var (
	kerasClass  = regexp.MustCompile(`"class_name"\s*:\s*"([^"\\]{1,200})"`)
	kerasModule = regexp.MustCompile(`"module"\s*:\s*"([^"\\]{1,200})"`)
	// json.dumps never writes letters so: somebody hides a word.
	letterEscape = regexp.MustCompile(`\\u00(?:[46][1-9a-fA-F]|[57][0-9aA])`)
)

// keras looks for layers of a Keras model, written as JSON in whatever holds it, that run code or are loaded from
// somewhere else. Which class goes with which module is not looked at: no model names dangerous pairs even apart.
func (s *scanner) keras(in input) {
	const chunk, overlap, most = 1 << 20, 512, 200
	found := map[*regexp.Regexp]map[string]bool{kerasClass: {}, kerasModule: {}}
	b := make([]byte, min(in.size, chunk))
	for at := int64(0); at < in.size; at += chunk - overlap {
		n, err := in.r.ReadAt(b, at)
		if err == nil {
			err = s.stop()
		}
		if err != nil && !errors.Is(err, io.EOF) {
			s.failed(in, err)
			return
		}
		for form, words := range found {
			for _, m := range form.FindAllSubmatch(b[:n], most) {
				if len(words) < most {
					words[string(m[1])] = true
				}
			}
		}
		if letterEscape.Match(b[:n]) {
			s.note("format.escaped", in.path, 0)
		}
	}
	if found[kerasClass]["Lambda"] || found[kerasClass]["__lambda__"] {
		s.note("keras.lambda", in.path, 0)
	}
	for module := range found[kerasModule] {
		for class := range found[kerasClass] {
			if classify(module, class) == Harmful {
				s.use(in.path, module+"."+class, Harmful, "keras.dangerous")
			}
		}
	}
}
