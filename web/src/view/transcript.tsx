// The transcript. Each entry is drawn again only when its rev grew, and of a
// long one only the end is drawn until more is asked for.
import { useSignal } from "@preact/signals";
import { Component } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { Icon } from "../icons";
import type { Task } from "../state/fold";
import { Growing, toHtml } from "../state/markdown";
import type { Item } from "../state/types";
import { Children } from "./children";
import { CompletionRecord } from "./completion";
import { Steps } from "./steps";

const page = 60;

export function Transcript({ t }: { t: Task; rev: number }) {
  const box = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  const shown = useSignal(page);
  const from = Math.max(0, t.items.length - shown.value);
  const toEnd = () => {
    if (atEnd.current && box.current) box.current.scrollTop = box.current.scrollHeight;
  };
  useLayoutEffect(toEnd);
  useLayoutEffect(() => {
    const sized = new ResizeObserver(toEnd); // a card below it takes room, too
    sized.observe(box.current!);
    sized.observe(box.current!.firstElementChild!);
    return () => sized.disconnect();
  }, []);
  const scrolled = () => {
    const b = box.current;
    if (b) atEnd.current = b.scrollHeight - b.scrollTop - b.clientHeight < 40;
  };
  return (
    <div class="transcript" ref={box} role="region" aria-label="Transcript" tabIndex={0} onScroll={scrolled}>
      <div class="transcript-inner" aria-busy={!t.over}>
        {from > 0 && <button type="button" class="link earlier" onClick={() => { atEnd.current = false; shown.value += page * 4; }}>Show {Math.min(from, page * 4)} earlier of {from}</button>}
        {t.items.slice(from).map((it) => <Entry key={it.key} item={it} rev={it.rev} last={it === t.items[t.items.length - 1]} running={!t.over} />)}
      </div>
    </div>
  );
}

interface EntryProps {
  item: Item;
  rev: number;
  last: boolean;
  running: boolean;
}

class Entry extends Component<EntryProps> {
  shouldComponentUpdate(next: EntryProps): boolean {
    return next.rev !== this.props.rev || next.item !== this.props.item || next.last !== this.props.last || next.running !== this.props.running;
  }

  render({ item, last, running }: EntryProps) {
    switch (item.kind) {
      case "person":
        return (
          <article class="entry person" aria-label="You">
            {item.note && <p class="quiet">{item.note}</p>}
            <p>{item.text}</p>
          </article>
        );
      case "text":
        return <article class="entry prose" aria-label="Cowork"><Prose text={item.text} live={item.live} /></article>;
      case "thinking":
        return (
          <details class="entry thinking" open={item.live}>
            <summary>{item.live ? "Thinking…" : "Thought"}</summary>
            <p>{item.text}</p>
          </details>
        );
      case "steps":
        return <Steps steps={item.steps} open={last && running} rev={item.rev} />;
      case "children":
        return <Children list={item.children} />;
      case "facts":
        return (
          <div class="entry facts">
            <table>
              <caption>Computed</caption>
              <tbody>
                {item.facts.map((f, i) => (
                  <tr key={i}>
                    <th scope="row">{f.name}</th>
                    <td class="number">{f.value}{f.unit ? " " + f.unit : ""}</td>
                    <td class="quiet">{f.source}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        );
      case "completion":
        return <CompletionRecord record={item.record} />;
      case "note":
        return (
          <p class={"entry note " + item.tone}>
            {item.tone !== "plain" && <Icon name="alert" />}
            <span>{item.text}{item.next && <span class="next"> {item.next}</span>}</span>
          </p>
        );
    }
  }
}

// Prose shows Markdown. While it grows, finished blocks are left alone.
class Prose extends Component<{ text: string; live: boolean }> {
  private growing = new Growing();

  shouldComponentUpdate(next: { text: string; live: boolean }): boolean {
    return next.text !== this.props.text || next.live !== this.props.live;
  }

  render({ text, live }: { text: string; live: boolean }) {
    if (!live) return <div dangerouslySetInnerHTML={toHtml(text)} />;
    this.growing.update(text);
    return (
      <>
        {this.growing.blocks.map((b, i) => <div key={i} dangerouslySetInnerHTML={b} />)}
        <div key="tail" class="tail" dangerouslySetInnerHTML={this.growing.tail} />
      </>
    );
  }
}
