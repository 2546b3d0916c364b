package report

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/cowork-host/cowork/builtin-plugins/data/internal/profile"
	"github.com/cowork-host/cowork/builtin-plugins/data/internal/stat"
)

// The charts are SVG drawn here, number by number; every text in them passes
// template.HTMLEscapeString. Colours come from classes in the style sheet.

// histogram draws bars; with n also the axis and the interquartile range.
func histogram(bins []stat.Bin, width, height int, n *profile.Numbers) template.HTML {
	var most int64 = 1
	for _, b := range bins {
		most = max(most, b.Count)
	}
	foot, head := 0, 0
	if n != nil {
		foot, head = 22, 14
	}
	area := float64(height - foot - head)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="chart" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="distribution">`, width, height, width, height)
	step := float64(width) / float64(len(bins))
	if n != nil {
		boxPlot(&b, bins, n, width, head)
	}
	for i, bin := range bins {
		h := area * float64(bin.Count) / float64(most)
		if bin.Count > 0 {
			h = max(h, 1.5)
		}
		fmt.Fprintf(&b, `<rect class="bar" x="%.1f" y="%.1f" width="%.1f" height="%.1f">`,
			float64(i)*step+step*0.06, float64(head)+area-h, max(0.8, step*0.88), h)
		if n != nil {
			fmt.Fprintf(&b, `<title>%s to %s: %s</title>`, short(bin.Lo), short(bin.Hi), count(bin.Count))
		}
		b.WriteString(`</rect>`)
	}
	if n != nil {
		y := height - foot
		fmt.Fprintf(&b, `<line class="axis" x1="0" x2="%d" y1="%d" y2="%d"/>`, width, y, y)
		lo, hi := bins[0].Lo, bins[len(bins)-1].Hi
		for i, anchor := range []string{"start", "middle", "end"} {
			f := float64(i) / 2
			fmt.Fprintf(&b, `<text class="tick" x="%.0f" y="%d" text-anchor="%s">%s</text>`,
				f*float64(width), height-6, anchor, short(lo+f*(hi-lo)))
		}
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String())
}

// boxPlot draws the quartiles and the median over the bars.
func boxPlot(b *strings.Builder, bins []stat.Bin, n *profile.Numbers, width, head int) {
	lo, hi := bins[0].Lo, bins[len(bins)-1].Hi
	x := func(v float64) float64 {
		return float64(width) * min(1, max(0, (v-lo)/(hi-lo)))
	}
	mid := float64(head) / 2
	q := n.Quantiles
	fmt.Fprintf(b, `<line class="whisker" x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f"/>`, x(q[0]), x(q[4]), mid, mid)
	fmt.Fprintf(b, `<rect class="box" x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="2"><title>middle half: %s to %s</title></rect>`,
		x(q[1]), mid-4, max(1, x(q[3])-x(q[1])), 8.0, short(q[1]), short(q[3]))
	fmt.Fprintf(b, `<line class="median" x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f"/>`, x(q[2]), x(q[2]), mid-5, mid+5)
}

func monthChart(months []profile.MonthCount) template.HTML {
	const width, height, foot = 520, 130, 22
	var most int64 = 1
	for _, m := range months {
		most = max(most, m.Count)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="chart" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="dates per month">`, width, height, width, height)
	step := float64(width) / float64(len(months))
	for i, m := range months {
		h := (height - foot) * float64(m.Count) / float64(most)
		class := "bar"
		if m.Count == 0 {
			class, h = "hole", height-foot
		}
		fmt.Fprintf(&b, `<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f"><title>%s: %s</title></rect>`,
			class, float64(i)*step+step*0.08, height-foot-h, max(0.6, step*0.84), h, m.Month.Format("2006-01"), count(m.Count))
	}
	fmt.Fprintf(&b, `<line class="axis" x1="0" x2="%d" y1="%d" y2="%d"/>`, width, height-foot, height-foot)
	fmt.Fprintf(&b, `<text class="tick" x="0" y="%d">%s</text>`, height-6, months[0].Month.Format("2006-01"))
	fmt.Fprintf(&b, `<text class="tick" x="%d" y="%d" text-anchor="end">%s</text>`, width, height-6, months[len(months)-1].Month.Format("2006-01"))
	b.WriteString(`</svg>`)
	return template.HTML(b.String())
}

// matrix draws the correlations of the numeric columns.
func matrix(s *profile.Sheet) template.HTML {
	var names []string
	for _, c := range s.Columns {
		if c.Numbers != nil && slices.ContainsFunc(s.Correlations, func(r profile.Correlation) bool { return r.A == c.Name || r.B == c.Name }) {
			names = append(names, c.Name)
		}
	}
	if len(names) < 2 {
		return ""
	}
	names = names[:min(len(names), matrixShown)]
	const cell, left = 46, 150
	width, height := left+cell*len(names)+70, cell*len(names)+90
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="chart" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="correlations">`, width, height, width, height)
	for i, name := range names {
		y := 80 + i*cell
		fmt.Fprintf(&b, `<text class="tick" x="%d" y="%d" text-anchor="end">%s</text>`, left-8, y+cell/2+4, label(name, 22))
		x := left + i*cell + cell/2
		fmt.Fprintf(&b, `<text class="tick" x="%d" y="72" transform="rotate(-35 %d 72)">%s</text>`, x, x, label(name, 14))
		for j, other := range names {
			if i == j {
				fmt.Fprintf(&b, `<rect class="self" x="%d" y="%d" width="%d" height="%d"/>`, left+j*cell, y, cell-2, cell-2)
				continue
			}
			r, ok := correlation(s, name, other)
			if !ok {
				continue
			}
			class := "plus"
			if r < 0 {
				class = "minus"
			}
			fmt.Fprintf(&b, `<rect class="%s" x="%d" y="%d" width="%d" height="%d" fill-opacity="%.2f"/>`,
				class, left+j*cell, y, cell-2, cell-2, 0.08+0.82*math.Abs(r))
			fmt.Fprintf(&b, `<text class="cell" x="%d" y="%d" text-anchor="middle">%.2f</text>`, left+j*cell+cell/2-1, y+cell/2+3, r)
		}
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String())
}

func correlation(s *profile.Sheet, a, b string) (float64, bool) {
	for _, r := range s.Correlations {
		if r.A == a && r.B == b || r.A == b && r.B == a {
			return r.R, true
		}
	}
	return 0, false
}

func label(s string, n int) string {
	if r := []rune(s); len(r) > n {
		s = string(r[:n-1]) + "…"
	}
	return template.HTMLEscapeString(s)
}

// round keeps six significant digits, for people.
func round(f float64) float64 {
	r, err := strconv.ParseFloat(strconv.FormatFloat(f, 'g', 6, 64), 64)
	if err != nil {
		return f
	}
	return r
}

// short writes a number for an axis: 12.3k, 4.56M.
func short(f float64) string {
	a := math.Abs(f)
	for _, u := range []struct {
		size float64
		unit string
	}{{1e12, "T"}, {1e9, "B"}, {1e6, "M"}, {1e4, "k"}} {
		if a >= u.size {
			size := u.size
			if u.unit == "k" {
				size = 1e3
			}
			return strconv.FormatFloat(f/size, 'g', 4, 64) + u.unit
		}
	}
	if a != 0 && a < 1e-4 {
		return strconv.FormatFloat(f, 'g', 3, 64)
	}
	return strconv.FormatFloat(round4(f), 'f', -1, 64)
}

func round4(f float64) float64 {
	r, _ := strconv.ParseFloat(strconv.FormatFloat(f, 'g', 4, 64), 64)
	return r
}
