package main

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Run writes a script that completes commands and flags, made from the commands themselves.
func (c completionCmd) Run(k *kong.Kong, s streams) error {
	var b strings.Builder
	words := map[string][]string{}
	collect(k.Model.Node, "", words)
	switch c.Shell {
	case "fish":
		for path, next := range words {
			cond := "__fish_use_subcommand"
			if path != "" {
				cond = "string match -qr -- '^slipway " + path + "( |$)' (commandline -cp)"
			}
			fmt.Fprintf(&b, "complete -c slipway -f -n %q -a %q\n", cond, strings.Join(next, " "))
		}
	default:
		if c.Shell == "zsh" {
			b.WriteString("#compdef slipway\nautoload -U +X bashcompinit && bashcompinit\n")
		}
		b.WriteString("_slipway() {\n  local path=\"\" i w\n  for ((i = 1; i < COMP_CWORD; i++)); do\n    w=${COMP_WORDS[i]}\n    [[ $w == -* ]] || path=\"${path:+$path }$w\"\n  done\n  case $path in\n")
		for path, next := range words {
			fmt.Fprintf(&b, "    %q) COMPREPLY=($(compgen -W %q -- \"${COMP_WORDS[COMP_CWORD]}\")) ;;\n", path, strings.Join(next, " "))
		}
		b.WriteString("  esac\n}\ncomplete -o default -F _slipway slipway\n")
	}
	_, err := fmt.Fprint(s.out, b.String())
	return err
}

func collect(n *kong.Node, path string, words map[string][]string) {
	var next []string
	for _, child := range n.Children {
		next = append(next, child.Name)
		collect(child, strings.TrimSpace(path+" "+child.Name), words)
	}
	for _, f := range n.Flags {
		next = append(next, "--"+f.Name)
	}
	words[path] = next
}
