"""What marketplaces told about models: versions with their files, as `PublishedVersion`s."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from ..identity import ModelIdentity, Source
from ..marketplaces.records import Preview, PublishedFile, PublishedVersion
from .database import Database

Origin = Literal["marketplace", "sidecar"]
"""Who told: a site itself, or a file that another program left beside the model."""

_VERSION = (
    "source, model_id, version_id, model_name, name, base_model, air, page_url, description, words,"
    " nsfw_level, published_at, status, early_access_until, origin, learnt_at"
)


@dataclass(frozen=True, slots=True)
class KnownVersion:
    """A record, and how far it can be relied on."""

    version: PublishedVersion
    origin: Origin
    learnt_at: float
    """Unix time."""


class RecordTable:
    """Models, versions, published files and previews."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, versions: Iterable[PublishedVersion], origin: Origin = "marketplace") -> None:
        """Stores records, replacing older ones; a sidecar's never replace a marketplace's."""
        now = time.time()
        with self._database.writing() as db:
            for version in versions:
                if origin == "sidecar" and _origin(db, version) == "marketplace":
                    continue
                _put_model(db, version)
                _put_version(db, version, origin, now)
                _mark(db, version)

    def by_digest(self, kind: str, hex_: str) -> list[KnownVersion]:
        """Versions that have a file with this digest; the marketplaces' own records first."""
        return self.by_digests([(kind, hex_)]).get((kind, hex_.lower()), [])

    def by_digests(
        self, digests: Iterable[tuple[str, str]]
    ) -> dict[tuple[str, str], list[KnownVersion]]:
        """The same for many digests, (kind, hex), at once; those without a record are left out."""
        found: dict[tuple[str, str], list[KnownVersion]] = {}
        with self._database.reading() as db:
            for kind, hex_ in digests:
                rows = db.execute(
                    "SELECT DISTINCT version, origin FROM published_digests"
                    " JOIN published ON published.id = published"
                    " JOIN versions ON versions.id = version WHERE published_digests.kind = ?"
                    " AND hex = ? ORDER BY origin, published_at, versions.id",
                    (kind, hex_.lower()),
                ).fetchall()
                if rows:
                    found[kind, hex_.lower()] = [_read(db, row_id) for row_id, _ in rows]
        return found

    def known(self, kind: str, hexes: Iterable[str]) -> set[str]:
        """Those of many digests that there is a record of; reads none of them."""
        with self._database.reading() as db:
            return {
                hex_
                for hex_ in hexes
                if db.execute(
                    "SELECT 1 FROM published_digests WHERE kind = ? AND hex = ?",
                    (kind, hex_.lower()),
                ).fetchone()
            }

    def by_version(self, source: str, version_id: str) -> KnownVersion | None:
        """A version by its marketplace's id."""
        with self._database.reading() as db:
            row = db.execute(
                "SELECT id FROM versions WHERE source = ? AND version_id = ?", (source, version_id)
            ).fetchone()
            return _read(db, row[0]) if row else None

    def by_model(self, source: str, model_id: str) -> list[KnownVersion]:
        """All known versions of a model, the newest first."""
        with self._database.reading() as db:
            rows = db.execute(
                "SELECT id FROM versions WHERE source = ? AND model_id = ?"
                " ORDER BY published_at DESC, id DESC",
                (source, model_id),
            ).fetchall()
            return [_read(db, row_id) for (row_id,) in rows]

    def checked_at(self, source: str, model_ids: Iterable[str]) -> dict[str, float]:
        """When all versions of models were last asked for (Unix time), where they ever were."""
        with self._database.reading() as db:
            found = {}
            for model_id in model_ids:
                row = db.execute(
                    "SELECT checked_at FROM models WHERE source = ? AND model_id = ?",
                    (source, model_id),
                ).fetchone()
                if row and row[0] is not None:
                    found[model_id] = row[0]
        return found

    def mark_checked(self, source: str, model_ids: Iterable[str], at: float) -> None:
        """Says that all versions of models were asked for; models that are gone count, too."""
        with self._database.writing() as db:
            db.executemany(
                "INSERT INTO models VALUES (?, ?, '', '', '', '', '[]', '[]', ?)"
                " ON CONFLICT (source, model_id) DO UPDATE SET checked_at = excluded.checked_at",
                [(source, model_id, at) for model_id in model_ids],
            )


def _origin(db: sqlite3.Connection, version: PublishedVersion) -> str | None:
    row = db.execute(
        "SELECT origin FROM versions WHERE source = ? AND model_id = ? AND version_id = ?",
        (version.source, version.model_id, version.version_id),
    ).fetchone()
    return row[0] if row else None


def _put_model(db: sqlite3.Connection, version: PublishedVersion) -> None:
    """A version's body often says nothing of the model's tags and licence: what is known stays."""
    columns = ("name", "author", "type", "licence")
    kept = [f"{name} = coalesce(nullif(excluded.{name}, ''), {name})" for name in columns]
    kept += [
        f"{name} = coalesce(nullif(excluded.{name}, '[]'), {name})"
        for name in ("permissions", "tags")
    ]
    db.execute(
        "INSERT INTO models (source, model_id, name, author, type, licence, permissions, tags)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        f" ON CONFLICT (source, model_id) DO UPDATE SET {', '.join(kept)}",
        (version.source, version.model_id, version.model_name, version.author, version.model_type,
         version.licence, json.dumps(version.permissions), json.dumps(version.tags)),
    )  # fmt: skip


def _put_version(
    db: sqlite3.Connection, version: PublishedVersion, origin: Origin, now: float
) -> None:
    key = (version.source, version.model_id, version.version_id)
    old = db.execute(
        "SELECT id, air, description FROM versions"
        " WHERE source = ? AND model_id = ? AND version_id = ?",
        key,
    ).fetchone()
    if old is not None:
        _forget(db, old[0])
        # Lists of a model's versions leave out what an answer about one of them has.
        version = replace(
            version, air=version.air or old[1], description=version.description or old[2]
        )
    done = db.execute(
        f"INSERT INTO versions ({_VERSION}) VALUES ({', '.join('?' * 16)})",
        (*key, version.model_name, version.version_name, version.base_model, version.air,
         version.page_url, version.description, json.dumps(version.trigger_words),
         version.nsfw_level, version.published_at, version.status, version.early_access_until,
         origin, now),
    )  # fmt: skip
    row_id = int(done.lastrowid or 0)
    for position, file in enumerate(version.files):
        _put_file(db, row_id, position, file)
    db.executemany(
        "INSERT INTO previews VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (row_id, position, image.url, image.type, image.nsfw_level, image.width, image.height)
            for position, image in enumerate(version.previews)
        ],
    )


def _put_file(db: sqlite3.Connection, version: int, position: int, file: PublishedFile) -> None:
    identity = file.identity
    done = db.execute(
        "INSERT INTO published (version, position, kind, name, size, type, format, precision,"
        " is_primary, sources, warnings) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (version, position, identity.kind, identity.name, identity.size, file.file_type,
         file.format, file.precision, file.primary,
         json.dumps([source.to_json() for source in identity.sources]), json.dumps(file.warnings)),
    )  # fmt: skip
    digests = {"SHA256": identity.sha256, "AutoV3": identity.autov3, **dict(file.digests)}
    db.executemany(
        "INSERT INTO published_digests VALUES (?, ?, ?)",
        [(done.lastrowid, kind, hex_.lower()) for kind, hex_ in digests.items() if hex_],
    )


def _forget(db: sqlite3.Connection, version: int) -> None:
    db.execute(
        "DELETE FROM published_digests WHERE published IN"
        " (SELECT id FROM published WHERE version = ?)",
        (version,),
    )
    for table in ("published", "previews"):
        db.execute(f"DELETE FROM {table} WHERE version = ?", (version,))
    db.execute("DELETE FROM versions WHERE id = ?", (version,))


def _mark(db: sqlite3.Connection, version: PublishedVersion) -> None:
    """Files with these bytes have other words to be found by now."""
    for file in version.files:
        for column, hex_ in (("sha256", file.identity.sha256), ("autov3", file.identity.autov3)):
            db.execute(f"UPDATE files SET indexed = 0 WHERE {column} = ?", (hex_,))


def _read(db: sqlite3.Connection, row_id: int) -> KnownVersion:
    row = db.execute(f"SELECT {_VERSION} FROM versions WHERE id = ?", (row_id,)).fetchone()
    value: dict[str, Any] = dict(zip(_VERSION.split(", "), row, strict=True))
    owner = db.execute(
        "SELECT author, type, licence, permissions, tags FROM models"
        " WHERE source = ? AND model_id = ?",
        (value["source"], value["model_id"]),
    ).fetchone()
    author, model_type, licence, permissions, tags = owner
    images = db.execute(
        "SELECT url, type, nsfw_level, width, height FROM previews WHERE version = ?"
        " ORDER BY position",
        (row_id,),
    )
    version = PublishedVersion(
        source=value["source"],
        model_name=value["model_name"],
        version_name=value["name"],
        model_id=value["model_id"],
        version_id=value["version_id"],
        page_url=value["page_url"],
        air=value["air"],
        model_type=model_type,
        base_model=value["base_model"],
        author=author,
        description=value["description"],
        trigger_words=tuple(json.loads(value["words"])),
        tags=tuple(json.loads(tags)),
        licence=licence,
        permissions=tuple((name, flag) for name, flag in json.loads(permissions)),
        nsfw_level=value["nsfw_level"],
        published_at=value["published_at"],
        status=value["status"],
        early_access_until=value["early_access_until"],
        previews=tuple(Preview(*image) for image in images),
        files=tuple(_read_files(db, row_id)),
    )
    return KnownVersion(version, value["origin"], value["learnt_at"])


def _read_files(db: sqlite3.Connection, version: int) -> Sequence[PublishedFile]:
    rows = db.execute(
        "SELECT id, kind, name, size, type, format, precision, is_primary, sources, warnings"
        " FROM published WHERE version = ? ORDER BY position",
        (version,),
    ).fetchall()
    files = []
    for row_id, kind, name, size, type_, format_, precision, primary, sources, warnings in rows:
        digests: Mapping[str, str] = dict(
            db.execute(
                "SELECT kind, hex FROM published_digests WHERE published = ? ORDER BY rowid",
                (row_id,),
            ).fetchall()
        )
        identity = ModelIdentity(
            kind, name, digests.get("SHA256"), size, digests.get("AutoV3"),
            tuple(Source.from_json(source) for source in json.loads(sources)),
        )  # fmt: skip
        files.append(
            PublishedFile(
                identity,
                type_,
                format_,
                precision,
                bool(primary),
                tuple(digests.items()),
                tuple(json.loads(warnings)),
            )
        )
    return files
