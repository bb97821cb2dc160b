"""The process that serves one model package, or several beside each other (`workers`).

What lives here: a request's way from the socket to the model and back (`app`, `invocation`, `worker`,
`model_functions`, `codecs`), what is counted of it (`predictions`, `serving_metrics`), and the capture of answered
exchanges: the spool on disk and its way to the object store, behind the port CaptureSink. `process` starts and ends it
all. What does not: which endpoints run (service.scheduler), who may call them from elsewhere (service.control),
explanations (service.explain). Invocations run the package's code in this process: its privileges are all that the code
has.
"""
