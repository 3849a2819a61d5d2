-- Who put a hold in force, as a pseudonym: somebody else has to release it. Known from the log for those of before.
ALTER TABLE hold ADD COLUMN by TEXT;
UPDATE hold SET by = (
    SELECT json_extract(CAST(leaf AS TEXT), '$.body.by') FROM log
    WHERE kind = 'hold'
      AND json_extract(CAST(leaf AS TEXT), '$.body.hold') = hold.id
      AND json_extract(CAST(leaf AS TEXT), '$.body.change') = 'add'
);

-- What stands for its condition in the log.
ALTER TABLE hold ADD COLUMN condition TEXT;
