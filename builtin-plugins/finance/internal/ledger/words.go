package ledger

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// normal returns s in the form names are compared in: lower case, no accents,
// no punctuation, single spaces.
func normal(s string) string {
	ascii := true
	for i := range len(s) {
		if s[i] >= 0x80 {
			ascii = false
			break
		}
	}
	if !ascii {
		s = norm.NFKD.String(strings.NewReplacer("ß", "ss", "ı", "i").Replace(s)) // a dotted İ loses its dot with the accents
	}
	out := make([]byte, 0, len(s)+4)
	space := false
	for _, r := range s {
		switch {
		case r == '&':
			out, space = append(pad(out), "and"...), true
		case unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("+#%$€£¥", r):
			if space && len(out) > 0 {
				out = append(out, ' ')
			}
			space = false
			out = append(out, string(unicode.ToLower(r))...)
		case unicode.Is(unicode.Mn, r) || r == '\'' || r == '’':
		default:
			space = true
		}
	}
	return strings.TrimSpace(string(out))
}

func pad(b []byte) []byte {
	if len(b) > 0 && b[len(b)-1] != ' ' {
		return append(b, ' ')
	}
	return b
}

// normalKey is [normal] for values that name a line: a code is the same with
// and without leading zeros.
func normalKey(s string) string {
	n := normal(s)
	if n == "" {
		return strings.ToLower(strings.TrimSpace(s))
	}
	if digits(n) {
		if n = strings.TrimLeft(n, "0"); n == "" {
			return "0"
		}
	}
	return n
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// hasPhrase tells whether the words of phrase stand one after the other in s;
// both are normal.
func hasPhrase(s, phrase string) bool {
	if whole, ok := strings.CutPrefix(phrase, "="); ok {
		return s == whole
	}
	for from := 0; ; {
		i := strings.Index(s[from:], phrase)
		if i < 0 {
			return false
		}
		i += from
		end := i + len(phrase)
		if (i == 0 || s[i-1] == ' ') && (end == len(s) || s[end] == ' ') {
			return true
		}
		from = i + 1
	}
}

// Class is what a column's name says it is about.
type Class string

// The classes of column.
const (
	ClassNone     Class = ""
	ClassBudget   Class = "budget"
	ClassActual   Class = "actual"
	ClassAmount   Class = "amount"
	ClassPrior    Class = "prior"
	ClassVariance Class = "variance"
	ClassQuantity Class = "quantity"
	ClassPrice    Class = "price"
	ClassType     Class = "type"
	ClassCategory Class = "category"
	ClassCurrency Class = "currency"
	ClassPeriod   Class = "period"
	ClassYear     Class = "year"
	ClassAccount  Class = "account"
	ClassCode     Class = "account code"
	ClassItem     Class = "item"
	ClassUnit     Class = "department"
	ClassRegion   Class = "region"
	ClassEntity   Class = "entity"
	ClassProject  Class = "project"
	ClassComment  Class = "comment"
	ClassNumber   Class = "line number"
	ClassRecordID Class = "record"
)

// phrases lists the words of each class, in the normal form. A column belongs
// to the class of its longest phrase; earlier classes win ties. A word after
// "=" counts only as the whole name, because it means other things as well.
var phrases = []struct {
	class Class
	words string
}{
	{ClassVariance, "variance|var|diff|difference|delta|abweichung|differenz|ecart|variacion|desviacion|scostamento|afwijking|%|percent|pct|share|ratio|anteil|variance amount|budget variance|variance to budget|vs budget"},
	{ClassPrior, "prior year|last year|previous year|py|ly|prior|previous|vorjahr|annee precedente|n 1|ano anterior|anno precedente|vorig jaar"},
	{ClassBudget, "budget|budgets|budgeted|budget amount|plan|planned|plan amount|planwert|plankosten|planbetrag|forecast|fcst|target|soll|sollwert|prevu|prevision|previsions|budgete|presupuesto|presupuestado|preventivo|orcamento|orcado|begroting|begroot|aop|annual plan"},
	{ClassActual, "actual|actuals|actual amount|actual cost|actual costs|ist|istwert|istkosten|istbetrag|reel|reels|realise|realisation|=real|reales|ejecutado|consuntivo|effettivo|effettivi|realizado|werkelijk|realisatie|spent|booked|posted amount|gebucht"},
	{ClassAmount, "amount|value|betrag|wert|montant|valeur|importe|monto|valor|importo|bedrag|net amount|net|netto|balance|saldo|solde|total|sum|summe|somme|suma|cost|costs|spend|kosten|expenditure|amt|ytd|full year|annual|gesamt"},
	{ClassQuantity, "qty|quantity|quantities|units|unit count|volume|volumes|menge|stuckzahl|stuck|anzahl|quantite|cantidad|unidades|quantita|quantidade|aantal|headcount|fte|hours|pieces|units sold|no of units|number of units"},
	{ClassPrice, "price|unit price|unit cost|price per unit|cost per unit|rate|unit rate|avg price|average price|preis|stuckpreis|einzelpreis|stuckkosten|prix|prix unitaire|precio|precio unitario|prezzo|prezzo unitario|preco|prijs|hourly rate|satz"},
	{ClassType, "type|account type|acct type|line type|gl type|kontoart|kontotyp|=art|type de compte|nature|tipo|tipo de cuenta|tipo de conta|tipo conto|soort|rekeningsoort|revenue expense|income expense|statement section|p and l section|pl section"},
	{ClassCategory, "category|=cat|account category|account group|group|kategorie|gruppe|kontengruppe|categorie|groupe|rubrique|categoria|grupo|gruppo|classification|=class|section|subcategory|sub category|family|segment|product line|produktgruppe"},
	{ClassCurrency, "currency|ccy|curr|=cur|wahrung|devise|monnaie|moneda|divisa|valuta|moeda|currency code"},
	{ClassPeriod, "period|month|date|posting date|fiscal period|quarter|qtr|monat|periode|buchungsdatum|datum|quartal|mois|trimestre|=mes|periodo|fecha|mese|=data|maand|kwartaal|accounting period|transaction date|booking date|week"},
	{ClassYear, "year|fiscal year|fy|jahr|geschaftsjahr|annee|exercice|ano|anno|jaar|ejercicio"},
	{ClassAccount, "account|account name|acct|acct name|gl account|g l account|gl|ledger account|ledger|konto|kontobezeichnung|kontoname|sachkonto|kostenart|compte|libelle du compte|libelle compte|cuenta|nombre de cuenta|conto|conta|nome da conta|grootboekrekening|rekening|nominal|nominal account|cost element|account description|gl description|gl name"},
	{ClassCode, "account code|account no|account number|account id|account #|acct code|acct no|acct #|acct number|gl code|gl no|gl number|gl account number|gl #|kontonummer|konto nr|kontonr|konto nummer|numero de compte|n compte|no compte|code compte|codigo de cuenta|numero de cuenta|codice conto|codigo da conta|rekeningnummer|nominal code|code|sku|item code|product code|item no|artikelnummer|artikelnr|product id|sku code|part number|part no"},
	{ClassItem, "line item|item|item name|line|line description|description|desc|name|product|product name|service|expense|expense item|budget line|budget item|position|bezeichnung|beschreibung|artikel|produkt|posten|leistung|libelle|designation|poste|article|produit|concepto|descripcion|partida|articulo|producto|=voce|descrizione|prodotto|descricao|rubrica|produto|omschrijving|=post|=what|=details|vendor|supplier|customer|lieferant|kunde"},
	{ClassUnit, "department|dept|dept name|department name|cost center|cost centre|costcenter|cost center name|cost centre name|=cc|team|=function|division|business unit|=bu|abteilung|kostenstelle|bereich|kst|departement|service center|centre de cout|centre de couts|departamento|centro de coste|centro de costo|centro de costos|centro de custo|reparto|centro di costo|afdeling|kostenplaats|unit|org unit|owner|budget owner"},
	{ClassRegion, "region|country|location|site|market|territory|=state|city|store|branch|=land|standort|filiale|pays|lieu|marche|pais|ubicacion|mercado|paese|sede|=plant|werk|channel|kanal"},
	{ClassEntity, "entity|company|legal entity|company code|subsidiary|gesellschaft|buchungskreis|firma|unternehmen|societe|entite|empresa|sociedad|societa|bedrijf|=fund|=grant"},
	{ClassProject, "project|project name|project code|program|programme|campaign|=job|initiative|wbs|projekt|projekt nr|projet|proyecto|progetto|projeto"},
	{ClassComment, "comment|comments|note|notes|remark|remarks|memo|reason|explanation|bemerkung|bemerkungen|kommentar|hinweis|commentaire|remarque|comentario|comentarios|observaciones|=nota|osservazioni|opmerking|=status|approved|approved by"},
	{ClassNumber, "#|=no|=nr|=row|row number|row no|=index|=idx|seq|line no|line number|line #|lfd nr|=pos|sr no|s no"},
	{ClassRecordID, "transaction id|transaction|journal|journal id|journal entry|document number|document no|doc no|invoice|invoice no|invoice number|voucher|belegnummer|beleg|buchungsnummer|=id|reference|=ref|uuid|=piece|numero de piece|batch|entry no|po number"},
}

// classify returns what a column's name says beside the words for budget,
// actual and amount: "Budget units" is a quantity.
func classify(name string) Class {
	n := normal(name)
	best, longest := ClassNone, 0
	for _, c := range phrases {
		if c.class == ClassBudget || c.class == ClassActual || c.class == ClassAmount {
			continue
		}
		for p := range strings.SplitSeq(c.words, "|") {
			if len(p) > longest && hasPhrase(n, p) {
				best, longest = c.class, len(p)
			}
		}
	}
	return best
}

// hasClass tells whether any phrase of the class stands in the name.
func hasClass(name string, class Class) bool {
	n := normal(name)
	for _, c := range phrases {
		if c.class != class {
			continue
		}
		for p := range strings.SplitSeq(c.words, "|") {
			if hasPhrase(n, p) {
				return true
			}
		}
	}
	return false
}

// without returns the normal name without the phrases of the classes.
func without(name string, classes ...Class) string {
	n := normal(name)
	for _, c := range phrases {
		for _, class := range classes {
			if c.class != class {
				continue
			}
			for p := range strings.SplitSeq(c.words, "|") {
				if hasPhrase(n, p) && p != "" {
					n = strings.Join(strings.Fields(strings.Replace(" "+n+" ", " "+p+" ", " ", 1)), " ")
				}
			}
		}
	}
	return n
}

// about tells whether two classes can name the same thing.
func about(a, b Class) bool {
	if a == b {
		return a != ClassNone
	}
	group := func(c Class) int {
		switch c {
		case ClassAccount, ClassCode, ClassItem:
			return 1
		case ClassUnit:
			return 2
		case ClassType, ClassCategory:
			return 3
		case ClassRegion, ClassEntity:
			return 4
		default:
			return 0
		}
	}
	return group(a) != 0 && group(a) == group(b)
}
