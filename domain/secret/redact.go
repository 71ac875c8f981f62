package secret

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
)

// remember keeps a value out of what Redact returns from now on, in the forms in which it may appear.
func (b *Box) remember(value, name string) {
	b.mu.RLock()
	_, known := b.opened[value]
	b.mu.RUnlock()
	if known {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.opened == nil {
		b.opened = map[string]string{}
	}
	quoted, err := json.Marshal(value)
	forms := []string{value, url.QueryEscape(value), url.PathEscape(value), base64.StdEncoding.EncodeToString([]byte(value)), base64.RawURLEncoding.EncodeToString([]byte(value))}
	if err == nil {
		forms = append(forms, string(quoted[1:len(quoted)-1]))
	}
	for _, f := range forms {
		b.opened[f] = name
	}
}

// Redact is text without the values that this box has opened.
func (b *Box) Redact(text string) string {
	if b == nil {
		return text
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	for value, name := range b.opened {
		if strings.Contains(text, value) {
			text = strings.ReplaceAll(text, value, "[secret "+name+"]")
		}
	}
	return text
}
