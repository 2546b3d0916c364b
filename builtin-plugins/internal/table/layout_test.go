package table_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"

	"github.com/cowork-host/cowork/builtin-plugins/internal/table"
)

// sheetOf writes a grid as csv or as a worksheet with merged cells.
func sheetOf(t *testing.T, grid [][]any, merges ...string) *table.Sheet {
	t.Helper()
	f := excelize.NewFile()
	defer func() { _ = f.Close() }()
	for i := range grid {
		cell, _ := excelize.CoordinatesToCellName(1, i+1)
		if err := f.SetSheetRow("Sheet1", cell, &grid[i]); err != nil {
			t.Fatal(err)
		}
	}
	for i := 0; i+1 < len(merges); i += 2 {
		if err := f.MergeCell("Sheet1", merges[i], merges[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	buf, err := f.WriteToBuffer()
	if err != nil {
		t.Fatal(err)
	}
	return open(t, "a.xlsx", buf.String()).Sheets[0]
}

func TestNarrowHeaders(t *testing.T) {
	t.Parallel()
	data := func(head ...[]any) [][]any {
		for i, name := range []string{"Rent", "Fuel", "Tax"} {
			row := []any{name, 100 + i}
			if len(head[len(head)-1]) > 2 {
				row = append(row, 200+i)
			}
			head = append(head, row)
		}
		return head
	}
	tests := []struct {
		name   string
		grid   [][]any
		merges []string
		want   string
	}{
		{"two columns, groups", data([]any{"Master data", "FY26"}, []any{"Account", "Budget"}), nil, "Master data Account:text, FY26 Budget:integer"},
		{"two columns, gap", data([]any{"", "FY26"}, []any{"Account", "Budget"}), nil, "Account:text, FY26 Budget:integer"},
		{"three columns, merged", data([]any{"", "FY26"}, []any{"Account", "Budget", "Actual"}), []string{"B1", "C1"}, "Account:text, FY26 Budget:integer, FY26 Actual:integer"},
		{"three columns, not merged", data([]any{"", "2026"}, []any{"Account", "Budget", "Actual"}), nil, "Account:text, 2026 Budget:integer, 2026 Actual:integer"},
		{"three columns, all labelled", data([]any{"Master data", "Q1", "Q2"}, []any{"Account", "Budget", "Budget"}), nil, "Master data Account:text, Q1 Budget:integer, Q2 Budget:integer"},
		{"stub merged downwards", data([]any{"Account", "2026"}, []any{"", "Budget", "Actual"}), []string{"A1", "A2", "B1", "C1"}, "Account:text, 2026 Budget:integer, 2026 Actual:integer"},
		{"text for a number is a record", append(data([]any{"Account", "Amount"})[:1], append([][]any{{"Misc", "tbd"}}, data([]any{"x", 1})[1:]...)...), nil, "Account:text, Amount:integer"},
		{"dates are a record", [][]any{{"City", "Date", "Code"}, {"", "2026-12-25", 2051}, {"Rome", "2026-12-26", 2231}, {"", "2026-12-27", 2594}}, nil, "City:text, Date:date, Code:integer"},
		{"merged title", data([]any{"Acme GmbH"}, []any{"Account", "Budget", "Actual"}), []string{"A1", "C1"}, "Account:text, Budget:integer, Actual:integer"},
		{"title", data([]any{"Acme GmbH"}, []any{"Account", "Budget"}), nil, "Account:text, Budget:integer"},
		{"one header", data([]any{"Account", "Budget"}), nil, "Account:text, Budget:integer"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := sheetOf(t, tt.grid, tt.merges...)
			if diff := cmp.Diff(tt.want, header(s)); diff != "" {
				t.Errorf("columns (-want +got):\n%s", diff)
			}
		})
	}
	for name, text := range map[string]string{
		"csv":        "Master data,FY26\nAccount,Budget\nRent,5\nFuel,6\nTax,7\n",
		"csv titled": "Acme,\nMaster data,FY26\nAccount,Budget\nRent,5\nFuel,6\nTax,7\n",
	} {
		if got, want := header(open(t, "a.csv", text).Sheets[0]), "Master data Account:text, FY26 Budget:integer"; got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}
