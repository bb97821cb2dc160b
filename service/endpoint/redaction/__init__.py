"""What captures must not hold, taken out before their line is made: nothing that a rule removes reaches the disk.

What lives here: applying rules to one exchange (`redactor`), and how each kind of body is read and written again. What
does not: the rules (service.core.redaction), making lines (capture_lines). A body that its rules cannot be applied to
is withheld: a marker takes its place, and a reason is counted; the request is answered, and its record kept.
"""

from service.endpoint.redaction.redactor import Redactor
from service.endpoint.redaction.withheld import WithheldReason

__all__ = ["Redactor", "WithheldReason"]
