/**
 * The lines of an approval request, exactly as the server renders them. A line of content has a prefix, which no content can imitate;
 * every other line is a label of the library. The prefix becomes a frame, so that wrapped lines stay inside it.
 */

const prefix = "  │ "

interface Section {
  readonly label: string
  readonly content: ReadonlyArray<string>
}

/** Groups lines into labels and their content. */
export const sectionsOf = (lines: ReadonlyArray<string>): ReadonlyArray<Section> => {
  const sections: Array<{ label: string; content: Array<string> }> = []
  for (const line of lines) {
    if (!line.startsWith(prefix)) sections.push({ label: line.trim(), content: [] })
    else {
      const last = sections.at(-1)
      if (last === undefined) sections.push({ label: "", content: [line.slice(prefix.length)] })
      else last.content.push(line.slice(prefix.length))
    }
  }
  return sections
}

const classOf = (isDiff: boolean, line: string): string =>
  !isDiff ? "" : line.startsWith("+") ? "added" : line.startsWith("-") ? "removed" : ""

export const RequestLines = ({ lines }: { readonly lines: ReadonlyArray<string> }) => (
  <dl class="request">
    {sectionsOf(lines).map(({ content, label }, index) => (
      <div key={index} class="request-section">
        <dt>{label}</dt>
        <dd>
          {content.map((line, number) => (
            <div key={number} class={`request-line ${classOf(label === "with the diff:", line)}`}>
              {line === "" ? "\u00a0" : line}
            </div>
          ))}
        </dd>
      </div>
    ))}
  </dl>
)
