package main

import (
	"testing"

	"github.com/cowork-host/cowork/pluginsdk"
	"github.com/cowork-host/cowork/pluginsdk/plugintest"
)

func TestConformance(t *testing.T) {
	plugintest.Conformance(t, New,
		plugintest.Case{
			Name: "two people", Command: "greet", Values: map[string]string{"names": "who.txt", "with": "Good day"},
			Files: map[string][]byte{"who.txt": []byte("Ada\n\n Grace \n")},
			Check: func(t *testing.T, h *plugintest.Host, res *pluginsdk.Result) {
				if got, _ := h.File("greetings.txt"); string(got) != "Good day, Ada!\nGood day, Grace!\n" {
					t.Errorf("greetings.txt holds %q", got)
				}
				if len(res.Facts) != 1 || res.Facts[0].Value != "2" {
					t.Errorf("facts %v", res.Facts)
				}
			},
		},
		plugintest.Case{
			Name: "nobody", Command: "greet", Values: map[string]string{"names": "who.txt"},
			Files: map[string][]byte{"who.txt": []byte("\n")}, WantErr: pluginsdk.ErrInvalid,
		},
		plugintest.Case{Name: "no file", Command: "greet", Values: map[string]string{"names": "no.txt"}, WantErr: pluginsdk.ErrNotFound},
	)
}
