// Text of models and documents becomes HTML here and nowhere else. It is
// hostile: HTML in it is shown as text, images are not loaded, and what is
// left passes DOMPurify, the only Trusted Types policy the page allows.
import DOMPurify from "dompurify";
import { Marked } from "marked";

const escape = (s: string): string => s.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;");

const marked = new Marked({
  gfm: true,
  renderer: {
    html: ({ text }) => escape(text),
    image: ({ text, href }) => `<span class="noimg">Image not shown: ${escape(text || href)}</span>`,
  },
});

const allowed = {
  ALLOWED_TAGS: ["a", "b", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "input", "li", "ol", "p", "pre", "s", "span", "strong", "sub", "sup", "table", "tbody", "td", "th", "thead", "tr", "ul"],
  ALLOWED_ATTR: ["href", "title", "class", "align", "start", "type", "checked", "disabled"],
  ALLOWED_URI_REGEXP: /^(?:https?|mailto):/i,
  ADD_URI_SAFE_ATTR: ["align", "start", "type"], // they are no addresses
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
};

DOMPurify.addHook("afterSanitizeAttributes", (node) => {
  if (node.className && !["noimg"].includes(node.className)) node.removeAttribute("class");
  if (node.tagName === "INPUT" && (node.getAttribute("type") !== "checkbox" || !node.hasAttribute("disabled"))) node.remove();
  if (node.tagName === "INPUT") node.setAttribute("aria-label", node.hasAttribute("checked") ? "done" : "to do");
  if (/^H[1-6]$/.test(node.tagName)) {
    node.setAttribute("role", "heading"); // below the page's own headings
    node.setAttribute("aria-level", String(Math.min(6, Number(node.tagName[1]) + 1)));
  }
  if (node.tagName === "PRE" || node.tagName === "TABLE") node.setAttribute("tabindex", "0"); // it scrolls
  if (node.tagName !== "A") return;
  node.setAttribute("rel", "noopener noreferrer");
  node.setAttribute("target", "_blank");
  const href = node.getAttribute("href");
  if (!href) return;
  const host = hostOf(href);
  if (host && !(node.textContent || "").includes(host)) node.append(` (${host})`);
});

// hostOf says where a link leads, so that its text cannot lie about it.
function hostOf(href: string): string {
  try {
    const url = new URL(href);
    return url.protocol === "mailto:" ? url.pathname : url.host;
  } catch {
    return "";
  }
}

export type Html = { __html: string };

export function toHtml(text: string): Html {
  return { __html: DOMPurify.sanitize(marked.parse(text) as string, { ...allowed, RETURN_TRUSTED_TYPE: true }) as unknown as string };
}

// Growing renders a text that is still being written: blocks that cannot change
// any more are kept, only the tail is read again.
export class Growing {
  blocks: Html[] = [];
  tail: Html = { __html: toHtml("").__html };
  private done = 0;

  update(text: string): void {
    const rest = text.slice(this.done);
    const tokens = marked.lexer(rest);
    if (tokens.length > 2) {
      for (const t of tokens.slice(0, -2)) {
        this.done += t.raw.length;
        if (t.type !== "space") this.blocks.push(toHtml(t.raw));
      }
    }
    this.tail = toHtml(text.slice(this.done));
  }
}
