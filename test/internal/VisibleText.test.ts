import { assert, describe, it } from "@effect/vitest"
import { jsonLine, visible, visibleJson, visibleLine } from "../../src/internal/VisibleText.ts"

/** Reads the text back from what is shown. */
const read = (shown: string): string =>
  shown.replace(
    /⏎\n|⇥|(\\*)\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|u\{([0-9a-f]+)\})|(\\+)(?=[xu])/g,
    (whole, before: string | undefined, ...groups: ReadonlyArray<string | undefined>) => {
      if (whole === "⏎\n") return "\n"
      if (whole === "⇥") return "\t"
      const [two, four, braces] = groups
      const digits = two ?? four ?? braces
      const slashes = whole.match(/^\\+/)?.[0].length ?? 0
      if (digits === undefined || slashes % 2 === 0) {
        return "\\".repeat(Math.floor(slashes / 2)) + whole.slice(slashes)
      }
      return "\\".repeat((before ?? "").length / 2) + String.fromCodePoint(parseInt(digits, 16))
    }
  )

/** Whether a terminal shows every character as one that a person can see, apart from the breaks of lines. */
const isPrintable = (shown: string): boolean =>
  !/(?!\n)[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]|(?![ \n])\p{Zs}/u.test(shown)

const interesting = [
  "\\", "x", "u", "{", "}", "1", "b", "0", "n", " ", "\n", "\t", "\r", "\u001b", "\u0085", "\u202e", "\u200b", "\u00ad",
  "\u034f", "\ufe0f", "\u{e0100}", "\u{e0041}", "\u3164", "\u2028", "\ud800", "\udc00", "\ue000", "\uffff", "\ufff9",
  "\u206a", "\u0301", "\u0307", "e", "\u00e9", "\u0430", "\u0456", "\uff41", "\u{1d41a}", "\u23ce", "\u21e5", "\u2502",
  "\u4e2d", "\u0938\u094d", "\u00a0", "\u212b", "a"
] // prettier-ignore

/** Random texts, the same in every run. */
const texts = (count: number): ReadonlyArray<string> => {
  let seed = 7
  const next = (below: number) => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
    return Math.floor((seed / 2 ** 32) * below)
  }
  return Array.from({ length: count }, () =>
    Array.from({ length: next(12) }, () =>
      next(8) === 0 ? String.fromCodePoint(next(0x110000)) : (interesting[next(interesting.length)] ?? "")
    ).join("")
  )
}

describe("visible text", () => {
  it("H01 shows every character that a terminal acts upon, hides or reorders", () => {
    for (const [text, shown] of [
      ["echo hello\u001b]0;x\u0007; rm x", "echo hello\\x1b]0;x\\x07; rm x"],
      ["a\u0000\u007f\u009b", "a\\x00\\x7f\\x9b"],
      ["one\ntwo\r\tend", "one⏎\ntwo\\x0d⇥end"],
      ["a\u202eb\u2066c\u061c", "a\\u202eb\\u2066c\\u061c"],
      ["a\u200b\u200d\u2060\ufeff\u00ad\u034fb", "a\\u200b\\u200d\\u2060\\ufeff\\xad\\u034fb"],
      ["a\u{e0041}\u3164\u115f\uffa0\ufe0f\u{e0100}", "a\\u{e0041}\\u3164\\u115f\\uffa0\\ufe0f\\u{e0100}"],
      ["a\u00a0b\u3000c\u2028d\u2029", "a\\xa0b\\u3000c\\u2028d\\u2029"],
      ["a\ud800b\ue000\uffff\u{10ffff}\ufff9\u206a", "a\\ud800b\\ue000\\uffff\\u{10ffff}\\ufff9\\u206a"],
      ["\u2800", "\\u2800"],
      ["⏎⇥", "\\u23ce\\u21e5"]
    ] as const)
      assert.strictEqual(visible(text), shown)
  })

  it("H01 shows letters and punctuation that imitate ASCII", () => {
    for (const [text, shown] of [
      ["gіt push", "g\\u0456t push"],
      ["\u0441\u043e\u0440\u0443 a b", "\\u0441\\u043e\\u0440\\u0443 a b"],
      [
        "\uff52\uff4d \u{1d42b}\u{1d426} \ufb01 \u2460",
        "\\uff52\\uff4d \\u{1d42b}\\u{1d426} \\ufb01 \\u2460"
      ],
      ["echo \u2018a;b\u2019 \u2215etc \u037e", "echo \\u2018a;b\\u2019 \\u2215etc \\u037e"],
      ["cafe\u0301 i\u0307 a\u0338", "cafe\\u0301 i\\u0307 a\\u0338"],
      ["\u212b \u2126 \u1112\u1161\u11ab", "\\u212b \\u2126 \\u1112\\u1161\\u11ab"],
      ["rm\u30fcrf", "rm\\u30fcrf"]
    ] as const)
      assert.strictEqual(visible(text), shown)
    const zalgo = `\u05d0${"\u05b0".repeat(9)}`
    assert.strictEqual(visible(zalgo), `\u05d0${"\u05b0".repeat(4)}${"\\u05b0".repeat(5)}`)
  })

  it("H01 shows every character that imitates an ASCII character that a shell knows", () => {
    for (const [text, shown] of [
      ["echo \ua78ca; rm x; b\ua78c", "echo \\ua78ca; rm x; b\\ua78c"],
      ["echo \u02ee ; rm x \u02ee", "echo \\u02ee ; rm x \\u02ee"],
      ["echo \u07f4 ; rm x \u07f5", "echo \\u07f4 ; rm x \\u07f5"],
      ["a \ua778\ua778 b \u2551 c \u061b d", "a \\ua778\\ua778 b \\u2551 c \\u061b d"],
      ["a \u226b b \u22d8 c", "a \\u226b b \\u22d8 c"],
      ["\u2041etc\u1735x C:\u244ax", "\\u2041etc\\u1735x C:\\u244ax"],
      ["\ufd3ea\ufd3f \u3014b\u3015 \u{1d236}", "\\ufd3ea\\ufd3f \\u3014b\\u3015 \\u{1d236}"],
      ["\ua731udo \u01bdh", "\\ua731udo \\u01bdh"]
    ] as const)
      assert.strictEqual(visible(text), shown)
  })

  it("leaves ordinary text of every script alone", () => {
    for (const text of [
      "npm test -- --run 'a b' | sed 's/\\./\\n/' > out.txt",
      "Grüße, café, naïve, Łódź, tiếng Việt",
      "Привет мир, это проверка",
      "Καλημέρα κόσμε",
      "日本語のWindowsを使う、データ",
      "中文混排English文本",
      "한국어 텍스트",
      "मानक हिन्दी पाठ",
      "ภาษาไทยใช้Codex",
      "שלום עולם",
      "مرحبا بالعالم",
      "→ ✅ 🎉 ±1 «a» €5 — §"
    ])
      assert.strictEqual(visible(text), text)
  })

  it("shows different texts differently, with nothing but printable characters", () => {
    for (const text of texts(5000)) {
      const shown = visible(text)
      assert.isTrue(isPrintable(shown), JSON.stringify(text))
      assert.strictEqual(read(shown), text, JSON.stringify(text))
      assert.isTrue(isPrintable(visibleLine(text)) && !visibleLine(text).includes("\n"))
    }
  })

  it("doubles a backslash of the text only where an escape could follow", () => {
    assert.strictEqual(visible("\\x1b"), "\\\\x1b")
    assert.strictEqual(visible("\u001b"), "\\x1b")
    assert.strictEqual(visible("\\\u001b"), "\\\\\\x1b")
    assert.strictEqual(visible("a\\.b\\nc\\\\"), "a\\.b\\nc\\\\")
  })
})

describe("JSON", () => {
  it("H21 escapes what breaks lines or acts on a terminal, and keeps the value", () => {
    const value = { "\u2028key": "\u2028\u2029\u0085\u009b\u202e\u{e0041}\u200b\u007f\ud800 é 日本 \\u2028" }
    const line = jsonLine(value)
    assert.match(line, /^[\x20-\x7eé日本]+$/)
    assert.deepStrictEqual(JSON.parse(line), value)
    for (const text of texts(5000)) {
      assert.notMatch(jsonLine(text), /[\p{C}\p{Zl}\p{Zp}]/u)
      assert.isFalse(jsonLine(text).includes("\n"))
      assert.strictEqual(JSON.parse(jsonLine(text)), text)
      assert.isTrue(isPrintable(visibleJson({ text })))
      assert.deepStrictEqual(JSON.parse(visibleJson({ text })), {
        text
      })
    }
  })
})
