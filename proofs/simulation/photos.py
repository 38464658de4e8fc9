"""Three photos of 8 × 8 pixels, each of one colour."""

import base64

_HEAD = "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAFElEQVR4nG"
PHOTOS = {
    "red": base64.b64decode(_HEAD + "M8ISfHgA0wYRUdtBIA0MoBFD5jqJkAAAAASUVORK5CYII="),
    "green": base64.b64decode(_HEAD + "OUWyDHgA0wYRUdtBIAsTAA7G08NTUAAAAASUVORK5CYII="),
    "blue": base64.b64decode(_HEAD + "OUkzvBgA0wYRUdtBIAz3YBFFtyrsEAAAAASUVORK5CYII="),
}
