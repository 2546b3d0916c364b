package profile

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/cowork-host/cowork/builtin-plugins/data/internal/stat"
)

const (
	topValues     = 20
	histogramBins = 24
	madLimit      = 3.5
	madScale      = 1.4826 // makes the MAD of a normal distribution its σ
	maxGaps       = 50
)

func (s *scanner) finish(ctx context.Context) (*Sheet, error) {
	out := s.out
	out.DuplicatesExact, out.DuplicateLines = s.rows.Exact(), s.seenDup
	if !out.DuplicatesExact {
		out.Duplicates = max(0, out.Rows-s.rows.Count())
	}
	for _, c := range s.cols {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		out.Columns = append(out.Columns, c.finish())
	}
	if s.corr != nil {
		for _, p := range s.corr.Pairs() {
			out.Correlations = append(out.Correlations, Correlation{
				A: s.cols[s.numeric[p.I]].col.Name, B: s.cols[s.numeric[p.J]].col.Name, R: p.R, N: p.N,
			})
		}
		slices.SortStableFunc(out.Correlations, func(a, b Correlation) int {
			return cmp.Compare(math.Abs(b.R), math.Abs(a.R))
		})
	}
	out.Notes = s.sheet.Notes()
	out.Findings = s.findings()
	return out, nil
}

func (s *columnScan) finish() *Column {
	c := &Column{Column: s.col, Missing: s.missing, DistinctExact: true, TopExact: true}
	if s.numbers != nil {
		c.Distinct = s.numbers.Distinct() + s.others.Count()
		c.DistinctExact = s.numbers.Exact() && s.others.Exact() && !s.wide
		for _, r := range s.numbers.Top(topValues) {
			c.Top = append(c.Top, stat.Value{Text: strconv.FormatFloat(r.Value, 'f', -1, 64), Count: r.Count})
		}
		c.TopExact = c.DistinctExact
		if s.numbers.Count() > 0 {
			c.Numbers = s.finishNumbers()
		}
		return c
	}
	c.Distinct, c.DistinctExact = s.values.Distinct(), s.values.Exact()
	c.Top, c.TopExact = s.values.Top(topValues), s.values.Exact()
	if s.dates.Count > 0 {
		c.Dates = s.finishDates()
	}
	if s.texts > 0 {
		c.Texts = &Texts{Count: s.texts, Shortest: s.short, Longest: s.long, MeanLength: float64(s.textBytes) / float64(s.texts)}
	}
	return c
}

func (s *columnScan) finishNumbers() *Numbers {
	n := &Numbers{
		Count: s.numbers.Count(), Min: s.min.String(), Max: s.max.String(), MinLine: s.minLine, MaxLine: s.maxLine,
		Exact: s.numbers.Exact(), Zeros: s.zeros, Negatives: s.odd.negative.n, Scale: s.scale,
	}
	sum := s.sum.Decimal()
	n.Sum = sum.Text('f')
	n.Mean = mean(sum, s.sum.Count(), s.scale)
	if std := s.numbers.Std(); !math.IsNaN(std) && !math.IsInf(std, 0) {
		n.Std = Plain(std, s.scale)
	}
	for i, q := range QuantileLevels {
		n.Quantiles[i] = s.numbers.Quantile(q)
	}
	n.Median = n.Quantiles[2]
	q1, q3 := n.Quantiles[1], n.Quantiles[3]
	n.LowFence, n.HighFence = q1-1.5*(q3-q1), q3+1.5*(q3-q1)
	n.Below, n.Above = s.numbers.Outside(n.LowFence, n.HighFence)
	if n.MAD = s.numbers.MAD(); n.MAD > 0 {
		n.MADLow, n.MADHigh = n.Median-madLimit*madScale*n.MAD, n.Median+madLimit*madScale*n.MAD
		n.MADBelow, n.MADAbove = s.numbers.Outside(n.MADLow, n.MADHigh)
	}
	n.Lowest, n.Highest = s.low, s.high
	lo, hi := s.numbers.Range()
	if p5, p95 := n.Quantiles[0], n.Quantiles[4]; p95 > p5 && hi-lo > 20*(p95-p5) {
		// A few far values would squeeze all others into one bar.
		lo, hi = max(lo, p5-(p95-p5)), min(hi, p95+(p95-p5))
	}
	bins := histogramBins
	if d := s.numbers.Distinct(); d < histogramBins && d > 1 && s.scale == 0 && hi-lo < histogramBins {
		bins = int(hi-lo) + 1
		lo, hi = lo-0.5, hi+0.5
	}
	n.Histogram = s.numbers.Histogram(lo, hi, bins)
	n.HistogramOutside = n.Count
	for _, b := range n.Histogram {
		n.HistogramOutside -= b.Count
	}
	n.HistogramOutside = max(0, n.HistogramOutside)
	return n
}

// mean divides exactly and rounds half to even at six digits more than the
// values have, or six significant ones if it is smaller, without trailing
// zeros.
func mean(sum *apd.Decimal, count int64, scale int) string {
	if count == 0 {
		return ""
	}
	ctx := apd.BaseContext.WithPrecision(uint32(40 + min(400, sum.NumDigits())))
	ctx.Rounding = apd.RoundHalfEven
	var q apd.Decimal
	if _, err := ctx.Quo(&q, sum, apd.New(count, 0)); err != nil {
		return ""
	}
	first := q.NumDigits() + int64(q.Exponent) - 1 // place of the first digit
	if digits := max(int32(scale)+6, int32(5-first)); -q.Exponent > digits {
		_, _ = ctx.Quantize(&q, &q, -digits)
	}
	q.Reduce(&q)
	return q.Text('f')
}

// Plain writes a float as a plain decimal without noise: six digits more than
// the values have, or six significant ones if it is smaller, without trailing
// zeros.
func Plain(f float64, scale int) string {
	if f == 0 || math.IsNaN(f) || math.IsInf(f, 0) {
		return "0"
	}
	digits := scale + 6
	if m := math.Floor(math.Log10(math.Abs(f))); m < 0 {
		digits = max(digits, 5-int(m))
	}
	d, _, err := apd.NewFromString(strconv.FormatFloat(f, 'f', min(digits, 330), 64))
	if err != nil {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	// More than 15 significant digits of a float are noise.
	ctx := apd.BaseContext.WithPrecision(15)
	_, _ = ctx.Round(d, d)
	d.Reduce(d)
	return d.Text('f')
}

func (s *columnScan) finishDates() *Dates {
	d := s.dates
	d.MinLine, d.MaxLine = s.minLine, s.maxLine
	if len(s.days) >= maxDays {
		return &d
	}
	days := make([]int32, 0, len(s.days))
	months := map[time.Time]int64{}
	for day, n := range s.days {
		days = append(days, day)
		t := dayTime(day)
		months[time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)] += int64(n)
	}
	slices.Sort(days)
	d.Months = monthCounts(months)
	d.cadence(days)
	return &d
}

func dayTime(day int32) time.Time { return time.Unix(int64(day)*86400, 0).UTC() }

// monthCounts fills the months between; nil when they span more than 20 years.
func monthCounts(months map[time.Time]int64) []MonthCount {
	var first, last time.Time
	for m := range months {
		if first.IsZero() || m.Before(first) {
			first = m
		}
		if m.After(last) {
			last = m
		}
	}
	if first.IsZero() || last.Sub(first) > 20*366*24*time.Hour {
		return nil
	}
	var out []MonthCount
	for m := first; !m.After(last); m = m.AddDate(0, 1, 0) {
		out = append(out, MonthCount{m, months[m]})
	}
	return out
}

// cadence infers the rhythm of the days and finds what is missing in it.
func (d *Dates) cadence(days []int32) {
	if len(days) < 5 {
		return
	}
	steps := map[int32]int{}
	weekend, sameDay, lastDay := 0, 0, 0
	for i, day := range days {
		t := dayTime(day)
		if wd := t.Weekday(); wd == time.Saturday || wd == time.Sunday {
			weekend++
		}
		if t.Day() == dayTime(days[0]).Day() {
			sameDay++
		}
		if t.AddDate(0, 0, 1).Day() == 1 {
			lastDay++
		}
		if i > 0 {
			steps[day-days[i-1]]++
		}
	}
	n := len(days)
	share := func(lo, hi int32) float64 {
		c := 0
		for step, k := range steps {
			if step >= lo && step <= hi {
				c += k
			}
		}
		return float64(c) / float64(n-1)
	}
	fixed := sameDay == n || lastDay == n
	var next func(time.Time) time.Time
	switch {
	case weekend == 0 && n >= 10 && share(1, 1)+share(3, 3) >= 0.8 && share(3, 3) >= 0.08:
		d.Cadence = "business days"
		next = func(t time.Time) time.Time {
			for t = t.AddDate(0, 0, 1); t.Weekday() == time.Saturday || t.Weekday() == time.Sunday; {
				t = t.AddDate(0, 0, 1)
			}
			return t
		}
	case share(1, 1) >= 0.6:
		d.Cadence = "daily"
		next = func(t time.Time) time.Time { return t.AddDate(0, 0, 1) }
	case share(7, 7) >= 0.6:
		d.Cadence = "weekly"
		next = func(t time.Time) time.Time { return t.AddDate(0, 0, 7) }
	case share(28, 31) >= 0.6 && fixed:
		d.Cadence = "monthly"
		next = months(1, lastDay == n)
	case share(89, 92) >= 0.6 && fixed:
		d.Cadence = "quarterly"
		next = months(3, lastDay == n)
	case share(365, 366) >= 0.6 && fixed:
		d.Cadence = "yearly"
		next = months(12, lastDay == n)
	default:
		return
	}
	d.missing(days, next)
}

// months steps by calendar months, keeping to their last day if ends is true.
func months(n int, ends bool) func(time.Time) time.Time {
	return func(t time.Time) time.Time {
		if !ends {
			return t.AddDate(0, n, 0)
		}
		return time.Date(t.Year(), t.Month()+time.Month(n)+1, 0, 0, 0, 0, 0, time.UTC)
	}
}

// missing walks from each day to the one after it.
func (d *Dates) missing(days []int32, next func(time.Time) time.Time) {
	for i := 1; i < len(days); i++ {
		end := dayTime(days[i])
		var gap Gap
		for t := next(dayTime(days[i-1])); t.Before(end) && gap.Periods < 1_000_000; t = next(t) {
			if gap.Periods++; gap.Periods == 1 {
				gap.From = t
			}
			gap.To = t
		}
		if gap.Periods == 0 {
			continue
		}
		d.Missing += gap.Periods
		d.Gaps = append(d.Gaps, gap)
	}
	if len(d.Gaps) > maxGaps {
		slices.SortStableFunc(d.Gaps, func(a, b Gap) int { return cmp.Compare(b.Periods, a.Periods) })
		d.Gaps = d.Gaps[:maxGaps]
		slices.SortFunc(d.Gaps, func(a, b Gap) int { return a.From.Compare(b.From) })
	}
}
