package profile

import (
	"strconv"
	"time"

	"github.com/cowork-host/cowork/builtin-plugins/data/internal/stat"
	"github.com/cowork-host/cowork/builtin-plugins/internal/table"
)

// Book is the profile of a file.
type Book struct {
	File   string
	Format string
	Size   int64
	Sheets []*Sheet
	Notes  []table.Note
}

// Sheet is the profile of one table.
type Sheet struct {
	Name string
	// Rows are the data rows. Totals and Labels are what was left out.
	Rows, Totals, Labels int64
	HeaderLine           int
	Columns              []*Column
	// Duplicates are rows equal to an earlier one in every value.
	Duplicates      int64
	DuplicatesExact bool
	DuplicateLines  []int
	Correlations    []Correlation
	// CorrelationsLeftOut is how many numeric columns were too many.
	CorrelationsLeftOut int
	Findings            []Finding
	Notes               []table.Note
}

// Column is the profile of one column.
type Column struct {
	table.Column
	Missing       int64
	Distinct      int64
	DistinctExact bool
	// Top are the most frequent values.
	Top      []stat.Value
	TopExact bool
	Numbers  *Numbers
	Dates    *Dates
	Texts    *Texts
}

// Filled returns how many data rows have a value.
func (c *Column) Filled(rows int64) int64 { return rows - c.Missing }

// Numbers describes the numbers of a column. Min, Max, Sum and Mean come from
// exact decimals; the mean is rounded to six digits more than the values have.
type Numbers struct {
	Count               int64
	Min, Max, Mean, Sum string
	MinLine, MaxLine    int
	Std                 string // "" for fewer than two values
	Quantiles           [5]float64
	Median, MAD         float64
	Exact               bool
	// LowFence and HighFence are 1.5 interquartile ranges beyond the quartiles.
	LowFence, HighFence float64
	Below, Above        int64
	MADLow, MADHigh     float64
	MADBelow, MADAbove  int64
	Zeros, Negatives    int64
	Histogram           []stat.Bin
	HistogramOutside    int64
	Lowest, Highest     []Extreme
	Scale               int
}

// QuantileLevels are the levels of [Numbers.Quantiles].
var QuantileLevels = [5]float64{0.05, 0.25, 0.5, 0.75, 0.95}

// MeanFloat is the mean as a float, for charts.
func (n *Numbers) MeanFloat() float64 {
	f, err := strconv.ParseFloat(n.Mean, 64)
	if err != nil {
		return 0
	}
	return f
}

// OutliersIQR is the number of values outside the fences.
func (n *Numbers) OutliersIQR() int64 { return n.Below + n.Above }

// OutliersMAD is the number of values more than 3.5 scaled median distances
// from the median.
func (n *Numbers) OutliersMAD() int64 { return n.MADBelow + n.MADAbove }

// Extreme is one of the smallest or largest values.
type Extreme struct {
	Value string
	Float float64
	Line  int
}

// Dates describes the dates of a column.
type Dates struct {
	Count            int64
	Min, Max         time.Time
	MinLine, MaxLine int
	Clock            bool
	// Cadence is "daily", "business days", "weekly", "monthly", "quarterly",
	// "yearly" or "" when the dates are irregular.
	Cadence string
	// Missing are the periods without a date between the first and the last.
	Missing int64
	Gaps    []Gap
	// Months counts by month, for a chart; nil when there are too many.
	Months []MonthCount
}

// Gap is a run of missing periods, both ends included.
type Gap struct {
	From, To time.Time
	Periods  int64
}

// MonthCount is how many dates a month has.
type MonthCount struct {
	Month time.Time
	Count int64
}

// Texts describes the texts of a column.
type Texts struct {
	Count             int64
	Shortest, Longest int
	MeanLength        float64
}

// Correlation is Pearson's r between two columns.
type Correlation struct {
	A, B string
	R    float64
	N    int64
}

// Severity ranks findings.
type Severity uint8

// The severities.
const (
	High Severity = iota
	Medium
	Low
	Info
)

// String returns the severity's name.
func (s Severity) String() string { return [...]string{"high", "medium", "low", "info"}[s] }

// Finding is something that looks wrong, or that a reader should know.
type Finding struct {
	Severity Severity
	// Code names the kind of finding, stable for programs.
	Code   string
	Column string
	Title  string
	Detail string
	// Count is how many rows or values it is about.
	Count int64
	// Lines are the first source lines it is about.
	Lines []int
	// Action says what to do.
	Action string
}
