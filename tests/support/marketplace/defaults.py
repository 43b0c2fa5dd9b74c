"""Field values of a published model and version that no test cares about."""

from __future__ import annotations

from typing import Any

USER_ID = 771204

MODEL_DEFAULTS: dict[str, Any] = {
    "availability": "Public",
    "allowNoCredit": True,
    "allowCommercialUse": ["Image", "RentCivit"],
    "allowDerivatives": True,
    "allowDifferentLicense": False,
    "minor": False,
    "sfwOnly": False,
    "poi": False,
    "userId": USER_ID,
    "cosmetic": None,
    "supportsGeneration": True,
    "stats": {
        "downloadCount": 120,
        "thumbsUpCount": 12,
        "thumbsDownCount": 0,
        "commentCount": 1,
        "tippedAmountCount": 0,
    },
    "creator": {"username": "brushfox", "image": None},
    "tags": [],
}
VERSION_DEFAULTS: dict[str, Any] = {
    "name": "v1.0",
    "baseModelType": "Standard",
    "createdAt": "2026-03-02T18:02:11.204Z",
    "updatedAt": "2026-03-03T02:11:40.118Z",
    "publishedAt": "2026-03-02T18:30:00.000Z",
    "status": "Published",
    "flags": 0,
    "availability": "Public",
    "nsfwLevel": 1,
    "description": None,
    "trainedWords": [],
    "vaeId": None,
    "covered": False,
    "trainingStatus": None,
    "trainingDetails": None,
    "uploadType": "Created",
    "usageControl": "Download",
    "licensingFee": None,
    "paidAccess": None,
    "supportsGeneration": True,
    "stats": {"downloadCount": 90, "thumbsUpCount": 9, "thumbsDownCount": 0},
    "images": [],
}
