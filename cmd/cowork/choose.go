package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/cowork-host/cowork/pluginsdk"
)

// choose finds the choice a person means by its number, its value or its
// label. A question without choices takes any text that is not empty.
func choose(choices []pluginsdk.Choice, typed string) (value, problem string) {
	typed = strings.TrimSpace(typed)
	if typed == "" {
		return "", "type an answer, or Ctrl-D to leave"
	}
	if len(choices) == 0 {
		return typed, ""
	}
	if n, err := strconv.Atoi(typed); err == nil && n >= 1 && n <= len(choices) {
		return choices[n-1].Value, ""
	}
	var found []string
	for _, c := range choices {
		if c.Value == typed {
			return c.Value, ""
		}
		if strings.EqualFold(c.Value, typed) || strings.EqualFold(c.Label, typed) {
			found = append(found, c.Value)
		}
	}
	if len(found) == 1 {
		return found[0], ""
	}
	return "", fmt.Sprintf("type a number from 1 to %d, or one of the answers as it stands there", len(choices))
}
