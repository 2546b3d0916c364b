// Money comes as decimal text and is added as such: no digit is lost.

// addDecimal adds two decimals; an empty one is nothing.
export function addDecimal(a: string, b: string): string {
  if (!a || !b) return a || b;
  const places = Math.max(fraction(a).length, fraction(b).length);
  try {
    const sum = scaled(a, places) + scaled(b, places);
    const digits = sum.toString().replace("-", "").padStart(places + 1, "0");
    const cut = digits.length - places;
    return (sum < 0n ? "-" : "") + digits.slice(0, cut) + (places ? "." + digits.slice(cut) : "");
  } catch {
    return a; // not a number: the rest is still shown
  }
}

// dollars shows a decimal as money.
export function dollars(cost: string): string {
  if (!cost) return "";
  const n = Number(cost);
  if (!Number.isFinite(n)) return cost;
  return "$" + (n !== 0 && Math.abs(n) < 0.01 ? n.toFixed(4) : n.toFixed(2));
}

function fraction(s: string): string {
  return s.split(".")[1] || "";
}

function scaled(s: string, places: number): bigint {
  const [whole, frac = ""] = s.split(".");
  return BigInt(whole + frac.padEnd(places, "0"));
}
