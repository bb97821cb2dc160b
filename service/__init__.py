"""The service: processes that serve, launch and show. Monitors themselves live in `monitor_jobs`.

What lives here: `core` (pure decisions), `adapters` (one file per outside thing), four roles that never import each
other (`endpoint`, `explain`, `scheduler`, `control`), and `wiring`, the only module that knows concrete adapters.
"""
