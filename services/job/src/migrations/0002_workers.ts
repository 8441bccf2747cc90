/** Workers by name, as they last told about themselves. */
export const sql = `
CREATE TABLE workers (
  name text PRIMARY KEY,
  seen_time timestamptz NOT NULL,
  -- sortie.job.v1.Worker as proto3 JSON.
  document jsonb NOT NULL
);
`;
