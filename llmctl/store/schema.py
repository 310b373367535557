"""The tables, as numbered migrations: entry N brings a file from version N to N + 1."""

from __future__ import annotations

_CONVERSATIONS = """
CREATE TABLE conversations (
  id TEXT PRIMARY KEY,
  title TEXT NOT NULL DEFAULT '',
  titled INTEGER NOT NULL DEFAULT 0,           -- 1: the user chose the title
  profile TEXT NOT NULL DEFAULT '',
  model TEXT NOT NULL DEFAULT '',
  system TEXT NOT NULL DEFAULT '',
  params TEXT NOT NULL DEFAULT '{}',           -- JSON object
  pinned INTEGER NOT NULL DEFAULT 0,
  head INTEGER,                                -- the last message of the branch in view
  created REAL NOT NULL,                       -- seconds since 1970, as all times here
  updated REAL NOT NULL,
  deleted REAL                                 -- when it was put away; it can still be brought back
);
CREATE INDEX conversations_updated ON conversations (updated);

CREATE TABLE messages (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  conversation TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
  parent INTEGER REFERENCES messages (id) ON DELETE CASCADE,   -- messages of one parent are variants
  role TEXT NOT NULL,                          -- user | assistant | tool
  text TEXT NOT NULL,                          -- what was typed, answered or returned
  extra TEXT NOT NULL DEFAULT '{}',            -- JSON: the message's other fields, by OpenAI's names
  state TEXT NOT NULL,                         -- complete | partial | stopped | broken
  profile TEXT NOT NULL DEFAULT '',
  model TEXT NOT NULL DEFAULT '',
  created REAL NOT NULL
);
CREATE INDEX messages_conversation ON messages (conversation, parent);

CREATE TABLE attachments (
  hash TEXT PRIMARY KEY,                       -- sha256 of the data
  mime TEXT NOT NULL,
  data BLOB NOT NULL
);
CREATE TABLE message_attachments (
  message INTEGER NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  hash TEXT NOT NULL REFERENCES attachments (hash),
  name TEXT NOT NULL,
  PRIMARY KEY (message, position)
);
CREATE INDEX message_attachments_hash ON message_attachments (hash);

CREATE TABLE requests (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  time REAL NOT NULL,
  caller TEXT NOT NULL,                        -- chat, tui, embed, …
  profile TEXT NOT NULL,
  provider TEXT NOT NULL,
  base_url TEXT NOT NULL,
  model TEXT NOT NULL,                         -- as asked for
  answered_by TEXT NOT NULL DEFAULT '',        -- the provider's own name of the model
  status TEXT NOT NULL,                        -- ok, or the error's code
  http_status INTEGER,
  attempts INTEGER NOT NULL DEFAULT 1,
  prompt_tokens INTEGER, completion_tokens INTEGER,
  cached_tokens INTEGER, cache_write_tokens INTEGER, reasoning_tokens INTEGER,
  cost REAL,                                   -- US dollars; NULL: unknown
  cost_by TEXT NOT NULL DEFAULT '',            -- provider | prices | genai-prices | unknown | '': not looked up
  first_token_ms REAL, total_ms REAL,
  request_id TEXT NOT NULL DEFAULT '',
  conversation TEXT REFERENCES conversations (id) ON DELETE SET NULL,
  message INTEGER REFERENCES messages (id) ON DELETE SET NULL
);
CREATE INDEX requests_time ON requests (time);
CREATE INDEX requests_message ON requests (message);
CREATE INDEX requests_conversation ON requests (conversation);
"""

_SEARCH = """
CREATE VIRTUAL TABLE search USING fts5 (
  text, content='messages', content_rowid='id', tokenize='unicode61 remove_diacritics 2'
);
CREATE TRIGGER messages_insert AFTER INSERT ON messages BEGIN
  INSERT INTO search (rowid, text) VALUES (new.id, new.text);
END;
CREATE TRIGGER messages_delete AFTER DELETE ON messages BEGIN
  INSERT INTO search (search, rowid, text) VALUES ('delete', old.id, old.text);
END;
CREATE TRIGGER messages_update AFTER UPDATE OF text ON messages BEGIN
  INSERT INTO search (search, rowid, text) VALUES ('delete', old.id, old.text);
  INSERT INTO search (rowid, text) VALUES (new.id, new.text);
END;
INSERT INTO search (search) VALUES ('rebuild');
"""

_DRAFTS = """
CREATE TABLE drafts (
  conversation TEXT PRIMARY KEY,               -- '' is the draft of a conversation that has not begun
  text TEXT NOT NULL,
  line INTEGER NOT NULL,
  column INTEGER NOT NULL,                     -- where the cursor stands, from 0
  files TEXT NOT NULL DEFAULT '[]'             -- JSON: [[name, mime, hash], …]
);
"""

_INDEXES = """
CREATE INDEX messages_parent ON messages (parent);
CREATE INDEX requests_unpriced ON requests (profile) WHERE cost_by = '';
"""

_GATEWAY = """
ALTER TABLE requests ADD COLUMN entry TEXT NOT NULL DEFAULT '';   -- the gateway's id of the client's request
ALTER TABLE requests ADD COLUMN route TEXT NOT NULL DEFAULT '';   -- the route that chose this target
ALTER TABLE requests ADD COLUMN why TEXT NOT NULL DEFAULT '';     -- why this target was asked

CREATE TABLE gateway_keys (
  id TEXT PRIMARY KEY,                         -- the part of the key that may be shown
  name TEXT NOT NULL UNIQUE,
  hash TEXT NOT NULL,                          -- sha256 of the whole key, in hex
  models TEXT NOT NULL DEFAULT '[]',           -- JSON: patterns of the models that it may ask; [] is all
  requests_per_minute INTEGER,
  tokens_per_minute INTEGER,
  budget_usd REAL,
  budget_period TEXT NOT NULL DEFAULT 'total', -- day | month | total
  admin INTEGER NOT NULL DEFAULT 0,            -- 1: may see everybody's traffic, and end it
  created REAL NOT NULL,
  expires REAL,
  revoked REAL
);

CREATE TABLE comparisons (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  time REAL NOT NULL,
  entry TEXT NOT NULL,
  route TEXT NOT NULL,
  request TEXT NOT NULL,                       -- the client's JSON
  answers TEXT NOT NULL                        -- JSON: [{target, part, status, answer, cost, total_ms}, …]
);
CREATE INDEX comparisons_route ON comparisons (route, time);
"""

MIGRATIONS: tuple[str, ...] = (_CONVERSATIONS, _SEARCH, _DRAFTS, _INDEXES, _GATEWAY)
VERSION = len(MIGRATIONS)
