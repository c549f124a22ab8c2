/** Detects media types: images by their content, all other files by their name. Pure. */
import * as FileName from "./FileName.ts"

/** How many bytes of the beginning of a file `detect` needs. */
export const headSize = 512

const ascii = (head: Uint8Array, from: number, to: number): string =>
  Buffer.from(head.subarray(from, to)).toString("latin1")

const image = (head: Uint8Array): string | undefined => {
  if (ascii(head, 0, 8) === "\u0089PNG\r\n\u001a\n") return "image/png"
  if (ascii(head, 0, 3) === "\u00ff\u00d8\u00ff") return "image/jpeg"
  if (/^GIF8[79]a/.test(ascii(head, 0, 6))) return "image/gif"
  if (ascii(head, 0, 4) === "RIFF" && ascii(head, 8, 12) === "WEBP") return "image/webp"
  if (ascii(head, 0, 2) === "BM" && head.length >= 26 && ascii(head, 6, 10) === "\0\0\0\0") return "image/bmp"
  if (/^(?:II\*\0|MM\0\*)/.test(ascii(head, 0, 4))) return "image/tiff"
  if (/^ftyp(?:avif|avis)/.test(ascii(head, 4, 12))) return "image/avif"
  if (/^ftyp(?:heic|heix|mif1)/.test(ascii(head, 4, 12))) return "image/heic"
  return undefined
}

// No entry is an image, because only the content makes a file an image. `effect/http/Mime` serves browsers: it does not know
// most source files, and `.ts` is a video to it.
const byName: Readonly<Record<string, string>> = {
  ".c": "text/x-c",
  ".cfg": "text/plain",
  ".conf": "text/plain",
  ".cpp": "text/x-c++",
  ".cs": "text/x-csharp",
  ".css": "text/css",
  ".csv": "text/csv",
  ".diff": "text/x-diff",
  ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
  ".go": "text/x-go",
  ".gz": "application/gzip",
  ".h": "text/x-c",
  ".htm": "text/html",
  ".html": "text/html",
  ".ini": "text/plain",
  ".java": "text/x-java",
  ".js": "text/javascript",
  ".json": "application/json",
  ".jsonl": "application/x-ndjson",
  ".log": "text/plain",
  ".md": "text/markdown",
  ".mjs": "text/javascript",
  ".patch": "text/x-diff",
  ".pdf": "application/pdf",
  ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
  ".py": "text/x-python",
  ".rb": "text/x-ruby",
  ".rs": "text/x-rust",
  ".sh": "text/x-shellscript",
  ".sql": "application/sql",
  // An image for a browser, but text for a model.
  ".svg": "text/xml",
  ".tar": "application/x-tar",
  ".toml": "application/toml",
  ".ts": "text/x-typescript",
  ".tsv": "text/tab-separated-values",
  ".tsx": "text/x-typescript",
  ".txt": "text/plain",
  ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
  ".xml": "text/xml",
  ".yaml": "application/yaml",
  ".yml": "application/yaml",
  ".zip": "application/zip"
}

const isText = (head: Uint8Array): boolean => {
  if (head.includes(0)) return false
  try {
    // Decode as a stream, because the head may end within a character.
    new TextDecoder("utf-8", { fatal: true }).decode(head, { stream: true })
    return true
  } catch {
    return false
  }
}

/** Returns the media type of a file from its first bytes and its name. Without a known extension it is text or bytes. */
export const detect = (head: Uint8Array, name: string): string =>
  image(head) ??
  byName[FileName.extension(name).toLowerCase()] ??
  (isText(head) ? "text/plain" : "application/octet-stream")

const supportedImages: ReadonlySet<string> = new Set(["image/png", "image/jpeg", "image/gif", "image/webp"])

/** Whether this is an image type that Codex can pass to a model. */
export const isImage = (mediaType: string): boolean => supportedImages.has(mediaType)

/** Whether a type matches a list such as `["image/*", "text/plain"]`. */
export const isAllowed = (mediaType: string, allowed: ReadonlyArray<string>): boolean =>
  allowed.some(
    (pattern) =>
      pattern === "*/*" ||
      pattern === mediaType ||
      (pattern.endsWith("/*") && mediaType.startsWith(pattern.slice(0, -1)))
  )
