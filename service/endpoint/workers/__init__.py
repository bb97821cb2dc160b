"""Several processes behind the port of one endpoint, each with the model in its own memory.

What lives here: how many there are (count), the process that accepts connections, deals them out and replaces who dies
(supervisor), how a connection changes hands (dealing), what each tells the others (seats), and one page of metrics made
of all of theirs (pages, published). What does not: answering (service.endpoint.process). An endpoint of one worker has
none of this.
"""
