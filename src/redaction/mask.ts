/** Replaces a secret. No pattern matches the mask, so scrubbing is idempotent. */
export const mask = "[redacted]"
