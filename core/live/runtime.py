"""The LiteRT runtime for browsers: its files, their addresses and their hashes."""

from core.settings import Settings

VERSION = "2.5.3"
SERVER_ONLY = "none"
"""In place of an address: browsers load no runtime, and the server predicts every frame."""
PATHS = {
    "index.js": f"@litertjs/core@{VERSION}/dist/index.js",
    "wasm-utils.js": f"@litertjs/wasm-utils@{VERSION}/dist/index.js",
    "litert.js": f"@litertjs/core@{VERSION}/wasm/litert_wasm_internal.js",
    "litert.wasm": f"@litertjs/core@{VERSION}/wasm/litert_wasm_internal.wasm",
    "compat.js": f"@litertjs/core@{VERSION}/wasm/litert_wasm_compat_internal.js",
    "compat.wasm": f"@litertjs/core@{VERSION}/wasm/litert_wasm_compat_internal.wasm",
}
"""Paths by their names in `runtime.js`; `compat` is for processors without relaxed SIMD."""
DIGESTS = {
    "index.js": "e7daccc3a31eef890848a737ccb863ded5f046a6b40c3fdc0556495adeb5d9b3",
    "wasm-utils.js": "e0e20bc28ab001ac732cf40d15b6eebd24fb0deaeb95eeba5100f51eebf015f2",
    "litert.js": "68efb69f770e3f76aff36a377de629ca496c131b86ac0f0f4b592a1543a898eb",
    "litert.wasm": "7280cf4471774867e385e6c3cd53e2b45e2975b80fea338fff4ef359b0865614",
    "compat.js": "4d8f894b7883654fd6e8439730aa41e79ceaab7d19184fc4f1f0b0f1a2a2c8a5",
    "compat.wasm": "5255c8ad06eabdbd2522cdebf6b22fc10faf74625c23a49b9e072570cd1fa41c",
}
"""SHA-256 in hex of the files on npm."""


def files(settings: Settings) -> dict[str, tuple[str, str]] | None:
    """Address and SHA-256 in hex of each file, by name; None if the server predicts every frame.

    An address may be relative to the page.
    """
    base = settings.live_runtime
    if base == SERVER_ONLY:
        return None
    base = base if base.endswith("/") else f"{base}/"
    return {name: (base + path, DIGESTS[name]) for name, path in PATHS.items()}
