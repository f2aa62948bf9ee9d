from typing import Any

windll: Any

WM_USER: int
WM_RBUTTONUP: int
IMAGE_ICON: int
LR_LOADFROMFILE: int

def PostMessage(window: int | None, message: int, word: int, long: int) -> int: ...
def DefWindowProc(window: int | None, message: int, word: int, long: int) -> int: ...
def LoadImage(instance: None, name: str, kind: int, width: int, height: int, flags: int) -> int: ...
