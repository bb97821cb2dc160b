"""The console: pages for people, each with its JSON, over the operations that AWS's clients call.

What lives here: routes, sessions' cookies and forms, what each page shows. What lives elsewhere: what is done
(sagemaker), who may (access), what a session is (access.sessions). A page is a function from the caller's answers of
operations to a value; the value is its JSON, and a template makes it HTML.
"""
