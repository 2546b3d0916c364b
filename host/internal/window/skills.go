package window

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Skill is one entry of the listing.
type Skill struct {
	ID          string
	Description string
}

// List returns the skills a model is told of, a line each, within a budget of
// tokens. Where they do not all fit, descriptions are shortened before any
// skill is left out; then the line at the end says how many are, and how to
// find them (a sentence fragment such as `the skill tool with {"search": …}`).
// The order of the skills does not matter, and of two with the same id one is
// listed. Without skills or budget the text is empty.
func List(skills []Skill, budget int64, find string) string {
	room := int(float64(max(budget, 0)) / perByte)
	skills = slices.Clone(skills)
	slices.SortFunc(skills, func(a, b Skill) int {
		return cmp.Or(strings.Compare(a.ID, b.ID), strings.Compare(a.Description, b.Description))
	})
	skills = slices.CompactFunc(skills, func(a, b Skill) bool { return a.ID == b.ID })
	for _, length := range []int{1024, 400, 240, 120, 60, 0} {
		if text := lines(skills, length); len(text) <= room {
			return text
		}
	}
	return partly(skills, room, find)
}

// partly lists as many skills as there is room for, without descriptions.
func partly(skills []Skill, room int, find string) string {
	n, size := 0, 0
	room -= len(leftOut(len(skills), find))
	for ; n < len(skills); n++ {
		if size += len(line(skills[n], 0)); size > room {
			break
		}
	}
	if room < 0 {
		return ""
	}
	return lines(skills[:n], 0) + leftOut(len(skills)-n, find)
}

func leftOut(n int, find string) string {
	return fmt.Sprintf("(%d more are not listed; to find one, use %s)\n", n, find)
}

func lines(skills []Skill, length int) string {
	var b strings.Builder
	for _, s := range skills {
		b.WriteString(line(s, length))
	}
	return b.String()
}

func line(s Skill, length int) string {
	id := oneLine(s.ID, 128)
	if length == 0 || strings.TrimSpace(s.Description) == "" {
		return "- " + id + "\n"
	}
	return "- " + id + ": " + oneLine(s.Description, length) + "\n"
}
