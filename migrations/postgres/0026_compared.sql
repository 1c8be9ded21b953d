-- How a complete verification differs from the complete one before it that asked the same, or `null` if there was none. Verifications that an
-- earlier version ended have nothing here.
ALTER TABLE verifications ADD COLUMN compared TEXT;
