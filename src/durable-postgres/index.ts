/**
 * Durable turns in PostgreSQL: any number of clients, and several workers that take over from each other. Needs
 * `@effect/sql-pg`.
 *
 * @module effect-codex/durable/postgres
 */
export * as DurablePostgres from "./DurablePostgres.ts"
export * as DurableRunnerPostgres from "./DurableRunnerPostgres.ts"
