; Stands for a program of the payload in tests. Without arguments, or with the mark of a start at login, it runs until it
; is asked to quit; `quit` asks, and waits; each call is noted.

Unicode true
Target amd64-unicode
RequestExecutionLevel user
SilentInstall silent
SetCompress off
Name "stand-in"
OutFile "${OUTPUT}"

!include FileFunc.nsh
!include LogicLib.nsh

Section
  ${GetParameters} $0
  FileOpen $1 "$PROFILE\calls.txt" a
  FileSeek $1 0 END
  FileWrite $1 "$EXEFILE $0$\n"
  FileClose $1
  ${If} $0 == "quit"
    ${If} ${FileExists} "$PROFILE\running.txt"
    ${AndIfNot} ${FileExists} "$PROFILE\deaf.txt"
      Rename "$PROFILE\running.txt" "$PROFILE\quit.txt"
    ${EndIf}
  ${ElseIf} $0 == ""
  ${OrIf} $0 == "--autostarted"
    FileOpen $1 "$PROFILE\running.txt" w
    FileClose $1
    ${Do}
      Sleep 50
    ${LoopWhile} ${FileExists} "$PROFILE\running.txt"
    Delete "$PROFILE\quit.txt"
  ${EndIf}
SectionEnd
