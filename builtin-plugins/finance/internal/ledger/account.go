package ledger

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cockroachdb/apd/v3"

	"github.com/cowork-host/cowork/builtin-plugins/internal/table"
)

// AccountType says on which side of the result a line stands.
type AccountType uint8

// The account types.
const (
	Expense AccountType = iota
	Revenue
	Result  // a margin or profit line
	Balance // assets, liabilities, equity: not rated
)

// String returns the type's name.
func (t AccountType) String() string {
	return [...]string{"Expense", "Revenue", "Result", "Balance sheet"}[t]
}

// Rule is how a line's account type was found.
type Rule uint8

// The rules, in the order they are tried.
const (
	ByColumn  Rule = iota // a column or section says so
	ByName                // words of the account's name
	ByNumber              // the account number's first digit
	ByDefault             // nothing says so: taken as expense
)

// typeWords tell the type of an account; they may stand alone or, with a
// trailing or leading star, in a compound word.
var typeWords = []struct {
	t     AccountType
	words string
}{
	{Result, "net income|net profit|gross profit|gross margin|operating profit|operating income|profit|ebit|ebitda|margin|contribution margin|net result|earnings|jahresuberschuss|rohertrag|betriebsergebnis|resultat net|marge|beneficio|utile|winst"},
	{Expense, "expense*|cost|costs|cogs|opex|capex|spend|spending|overhead*|tax|taxes|charge|charges|commission*|discount*|refund*|rebate*|returns|payroll|salary|salaries|wage|wages|bonus*|benefits|pension*|rent|rents|lease*|utilities|insurance|travel|entertainment|marketing|advertising|supplies|depreciation|amortization|amortisation|maintenance|repair*|freight|shipping|postage|telephone|internet|software|subscription expense|training|recruiting|recruitment|legal|audit|consulting|contractor*|bank fees|fees paid|interest expense|purchases|materials|direct labor|labor|labour|bad debt*|donations paid|office|" +
		"*kosten|*aufwand|*aufwendungen|*ausgaben|*steuer|*steuern|lohne|gehalter|miete|mieten|reise*|werbung|abschreibung*|versicherung*|wareneinsatz|material*|personal*|" +
		"charge*|depense*|cout|couts|achat|achats|salaire*|loyer*|impot*|frais|assurance*|dotation*|" +
		"gasto|gastos|coste|costes|costo|costos|egreso*|compras|salario*|sueldo*|alquiler*|impuesto*|amortizacion|" +
		"costi|spese|spesa|acquisti|stipendi|affitto|imposte|ammortament*|" +
		"despesa*|custo|custos|aluguel|depreciacao|lasten|uitgaven|lonen|huur|afschrijving*|inkoop*|exp|e|debit"},
	{Revenue, "revenue|revenues|income|sales|turnover|receipts|proceeds|subscription*|rental income|fee income|grants received|donations|service revenue|royalties|rev|inc|r|credit|gains|" +
		"umsatz*|*umsatz|*umsatze|*umsatzerlose|erlos*|*erlose|ertrag|ertrage|*ertrage|einnahmen|*einnahmen|*ertrag|" +
		"produits|recettes|recette|vente|ventes|chiffre d affaires|chiffre daffaires|revenu*|prestations de services|" +
		"ingreso|ingresos|venta|ventas|facturacion|ricavi|ricavo|vendita|vendite|fatturato|entrate|proventi|" +
		"receita*|vendas|faturamento|omzet|opbrengst*|verkopen|inkomsten"},
	{Balance, "asset*|liabilit*|equity|balance sheet|cash|receivable*|payable*|inventory|aktiva|passiva|eigenkapital|verbindlichkeit*|forderung*|actif|passif|activo*|pasivo*|attivo|passivo|activa"},
}

// typeOf reads an account type from words. strict is for a type column, where
// single letters count.
func typeOf(s string, strict bool) (AccountType, bool) {
	n := normal(s)
	if n == "" {
		return 0, false
	}
	words := strings.Fields(n)
	for _, t := range typeWords {
		for p := range strings.SplitSeq(t.words, "|") {
			if len(p) == 1 && !strict {
				continue
			}
			if !strict && (p == "debit" || p == "credit" || p == "office" && len(words) > 3) {
				continue
			}
			if matches(n, words, p) {
				return t.t, true
			}
		}
	}
	return 0, false
}

// sections are labels that stand alone over the lines they are about.
const sections = "|revenue|revenues|income|sales|total income|operating revenue|operating income|other income|" +
	"expense|expenses|cost|costs|operating expenses|operating costs|other expenses|overheads|opex|cost of sales|cost of goods sold|direct costs|" +
	"erlose|umsatzerlose|ertrage|einnahmen|aufwand|aufwendungen|kosten|ausgaben|personalkosten|sachkosten|" +
	"produits|recettes|charges|depenses|ingresos|gastos|costes|egresos|ricavi|costi|receitas|despesas|opbrengsten|lasten|assets|liabilities|equity|"

// sectionLabel returns the text of a row that is only a label: no amount, and
// nothing but the name of a kind of account.
func sectionLabel(sh *shape, row *table.Row) string {
	for _, i := range sh.amounts {
		if !row.Cells[i].IsNull() {
			return ""
		}
	}
	label := ""
	for i := range row.Cells {
		v := row.Cells[i].Value()
		if v == "" {
			continue
		}
		if label != "" || !slices.Contains(sh.dims, i) || !strings.Contains(sections, "|"+normal(v)+"|") {
			return ""
		}
		label = v
	}
	return label
}

func matches(n string, words []string, p string) bool {
	head, compound := strings.CutSuffix(p, "*")
	tail, compoundTail := strings.CutPrefix(p, "*")
	switch {
	case compound:
		for _, w := range words {
			if strings.HasPrefix(w, head) {
				return true
			}
		}
		return false
	case compoundTail:
		for _, w := range words {
			if strings.HasSuffix(w, tail) {
				return true
			}
		}
		return false
	}
	return hasPhrase(n, p)
}

// typeByNumber reads a type from an account number, by the usual chart of
// accounts: 4 revenue, 5 to 8 expense, 1 to 3 balance sheet.
func typeByNumber(s string) (AccountType, bool) {
	s = strings.TrimSpace(s)
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	if n < 3 || n > 10 || n < len(s) && s[n] != ' ' && s[n] != '-' && s[n] != '.' && s[n] != '_' {
		return 0, false
	}
	switch s[0] {
	case '4':
		return Revenue, true
	case '5', '6', '7', '8':
		return Expense, true
	case '1', '2', '3':
		return Balance, true
	}
	return 0, false
}

// signs counts how the amounts of a type are stored.
type signs struct{ negative, positive int }

func (s *signs) count(d *apd.Decimal) {
	switch d.Sign() {
	case -1:
		s.negative++
	case 1:
		s.positive++
	}
}

// mostlyNegative asks for a clear majority: refunds and corrections are
// negative in files that store everything else positive.
func (s signs) mostlyNegative() bool { return s.negative > 2*s.positive }
func (s signs) any() bool            { return s.negative+s.positive > 0 }

// rate decides for each line whether a higher amount is good.
func (m *Match) rate() {
	var by [2][4]signs
	for i := range m.Lines {
		l := &m.Lines[i]
		by[Budget][l.Type].count(&l.Budget)
		by[Actual][l.Type].count(&l.Actual)
	}
	var negative [4]bool
	for t := range negative {
		b, a := by[Budget][t], by[Actual][t]
		name := strings.ToLower(AccountType(t).String())
		if b.any() && a.any() && b.mostlyNegative() != a.mostlyNegative() && AccountType(t) != Result && AccountType(t) != Balance {
			m.Warnings = append(m.Warnings, fmt.Sprintf(
				"%s amounts are mostly %s in %s but mostly %s in %s: their variances mix two sign conventions; correct one file before using them",
				name, signWord(b), m.Budget.File, signWord(a), m.Actual.File))
		}
		negative[t] = signs{b.negative + a.negative, b.positive + a.positive}.mostlyNegative()
	}
	for i := range m.Lines {
		l := &m.Lines[i]
		switch l.Type {
		case Revenue:
			l.GoodHigher = !negative[Revenue]
		case Expense:
			l.GoodHigher = negative[Expense]
		case Result:
			l.GoodHigher = !negative[Revenue]
		case Balance:
		}
	}
	m.SignRule = signRule(negative[Revenue], negative[Expense], by)
}

func signWord(s signs) string {
	if s.mostlyNegative() {
		return "negative"
	}
	return "positive"
}

func signRule(revenueNegative, expenseNegative bool, by [2][4]signs) string {
	var out []string
	if by[Budget][Revenue].any() || by[Actual][Revenue].any() {
		if revenueNegative {
			out = append(out, "revenue is stored negative, so a lower (more negative) amount is favourable")
		} else {
			out = append(out, "revenue is stored positive, so actual above budget is favourable")
		}
	}
	if by[Budget][Expense].any() || by[Actual][Expense].any() {
		if expenseNegative {
			out = append(out, "expenses are stored negative, so a higher (less negative) amount is favourable")
		} else {
			out = append(out, "expenses are stored positive, so actual above budget is unfavourable")
		}
	}
	return strings.Join(out, "; ")
}
