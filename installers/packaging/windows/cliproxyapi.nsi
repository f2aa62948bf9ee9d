; The Windows installer: for one person, without an administrator. `installer.py` compiles it and names the defines;
; the generated include says which files there are, so that uninstalling deletes by name.

Unicode true
Target amd64-unicode
RequestExecutionLevel user
ManifestDPIAware true
SetCompressor /SOLID lzma

!include FileFunc.nsh
!include LogicLib.nsh
!include MUI2.nsh
!include Sections.nsh
!include "${INCLUDE}"

!define OWN_KEY "Software\${NAME}"
!define UNINSTALL_KEY "Software\Microsoft\Windows\CurrentVersion\Uninstall\${NAME}"
!define UNINSTALLER "uninstall.exe"
!define QUIT_MILLISECONDS 20000

Name "${NAME}"
OutFile "${OUTPUT}"
InstallDir "$LOCALAPPDATA\Programs\${NAME}"
InstallDirRegKey HKCU "${OWN_KEY}" "InstallLocation"
BrandingText "${NAME} ${VERSION}"
ShowInstDetails show
ShowUninstDetails show

VIProductVersion "${FILE_VERSION}"
VIAddVersionKey "ProductName" "${NAME}"
VIAddVersionKey "ProductVersion" "${VERSION}"
VIAddVersionKey "FileVersion" "${VERSION}"
VIAddVersionKey "FileDescription" "Installs ${NAME}"
VIAddVersionKey "CompanyName" "${PUBLISHER}"
VIAddVersionKey "LegalCopyright" "${PUBLISHER}"

!ifdef SIGN
  !finalize '${SIGN} "%1"'
  !uninstfinalize '${SIGN} "%1"'
!endif

; Where it is installed already, and whether it ran.
Var Before
Var Ran
; This is no farewell: a newer version follows.
Var Upgrading
Var Left

!define MUI_ICON "${ICON}"
!define MUI_UNICON "${ICON}"
!define MUI_ABORTWARNING
!define MUI_FINISHPAGE_RUN "$INSTDIR\${PROGRAM}"
!define MUI_FINISHPAGE_RUN_TEXT "Start ${NAME}"
!insertmacro MUI_PAGE_COMPONENTS
!insertmacro MUI_PAGE_DIRECTORY
!insertmacro MUI_PAGE_INSTFILES
!insertmacro MUI_PAGE_FINISH
!insertmacro MUI_UNPAGE_CONFIRM
!insertmacro MUI_UNPAGE_COMPONENTS
!insertmacro MUI_UNPAGE_INSTFILES
!insertmacro MUI_LANGUAGE "English"

; Asks the program in the folder $0 to quit, and waits. $1 is "" when it has gone. Windows lets nobody write to a file
; that is run, which tells whether it is.
!macro DEFINE_QUIT UN
  Function ${UN}StillRuns
    StrCpy $1 ""
    ${If} ${FileExists} "$0\${PROGRAM}"
      ClearErrors
      FileOpen $2 "$0\${PROGRAM}" a
      ${If} ${Errors}
        StrCpy $1 "yes"
      ${Else}
        FileClose $2
      ${EndIf}
    ${EndIf}
  FunctionEnd

  Function ${UN}Quit
    again:
    ${If} ${FileExists} "$0\${COMMAND}"
      nsExec::ExecToLog /TIMEOUT=${QUIT_MILLISECONDS} '"$0\${COMMAND}" quit'
      Pop $1
    ${EndIf}
    StrCpy $3 0
    ${Do}
      Call ${UN}StillRuns
      ${If} $1 == ""
      ${OrIf} $3 >= 20
        ${Break}
      ${EndIf}
      Sleep 250
      IntOp $3 $3 + 1
    ${Loop}
    ${If} $1 != ""
      MessageBox MB_RETRYCANCEL|MB_ICONEXCLAMATION "${NAME} is still running. Quit it from its icon near the clock, then choose Retry." /SD IDCANCEL IDRETRY again
      DetailPrint "${NAME} is still running: nothing was changed."
      Abort "${NAME} is still running: nothing was changed."
    ${EndIf}
  FunctionEnd
!macroend
!insertmacro DEFINE_QUIT ""
!insertmacro DEFINE_QUIT "un."

Function .onInit
  SetShellVarContext current
  ReadRegStr $Before HKCU "${OWN_KEY}" "InstallLocation"
FunctionEnd

Section "${NAME}" PROGRAM_SECTION
  SectionIn RO
  ${If} $Before == ""
    StrCpy $Before $INSTDIR
  ${EndIf}
  StrCpy $0 $Before
  Call StillRuns
  StrCpy $Ran $1
  Call Quit
  ${If} ${FileExists} "$Before\${UNINSTALLER}"
    ; The older version knows its files; with _? it works where it lies, so that it can be waited for.
    ExecWait '"$Before\${UNINSTALLER}" /S /UPGRADE _?=$Before' $1
    ${If} $1 <> 0
      Abort "The version that is installed could not be removed."
    ${EndIf}
    Delete "$Before\${UNINSTALLER}"
    RMDir "$Before"
  ${EndIf}

  !insertmacro INSTALL_PAYLOAD
  SetOutPath "$INSTDIR"
  WriteUninstaller "$INSTDIR\${UNINSTALLER}"
  CreateShortcut "$SMPROGRAMS\${NAME}.lnk" "$INSTDIR\${PROGRAM}"

  WriteRegStr HKCU "${OWN_KEY}" "InstallLocation" "$INSTDIR"
  WriteRegStr HKCU "${UNINSTALL_KEY}" "DisplayName" "${NAME}"
  WriteRegStr HKCU "${UNINSTALL_KEY}" "DisplayVersion" "${VERSION}"
  WriteRegStr HKCU "${UNINSTALL_KEY}" "Publisher" "${PUBLISHER}"
  WriteRegStr HKCU "${UNINSTALL_KEY}" "URLInfoAbout" "${HOMEPAGE}"
  WriteRegStr HKCU "${UNINSTALL_KEY}" "DisplayIcon" "$INSTDIR\${PROGRAM}"
  WriteRegStr HKCU "${UNINSTALL_KEY}" "InstallLocation" "$INSTDIR"
  WriteRegStr HKCU "${UNINSTALL_KEY}" "UninstallString" '"$INSTDIR\${UNINSTALLER}"'
  WriteRegStr HKCU "${UNINSTALL_KEY}" "QuietUninstallString" '"$INSTDIR\${UNINSTALLER}" /S'
  WriteRegDWORD HKCU "${UNINSTALL_KEY}" "EstimatedSize" ${SIZE_KB}
  WriteRegDWORD HKCU "${UNINSTALL_KEY}" "NoModify" 1
  WriteRegDWORD HKCU "${UNINSTALL_KEY}" "NoRepair" 1

  ; Where it starts at login from the folder that it was in, it goes on to from the new one.
  ${If} $Before != $INSTDIR
    ReadRegStr $1 HKCU "${RUN_KEY}" "${RUN_VALUE}"
    ${If} $1 == '"$Before\${PROGRAM}" ${MARK}'
      WriteRegStr HKCU "${RUN_KEY}" "${RUN_VALUE}" '"$INSTDIR\${PROGRAM}" ${MARK}'
    ${EndIf}
  ${EndIf}
SectionEnd

Section /o "Start at login" LOGIN_SECTION
  WriteRegStr HKCU "${RUN_KEY}" "${RUN_VALUE}" '"$INSTDIR\${PROGRAM}" ${MARK}'
  ; The person just said that they want it: what Task Manager remembers says otherwise, or nothing.
  DeleteRegValue HKCU "${APPROVED_KEY}" "${RUN_VALUE}"
SectionEnd

Section "-again"
  ${If} $Ran != ""
    Exec '"$INSTDIR\${PROGRAM}" ${MARK}'
  ${EndIf}
SectionEnd

!insertmacro MUI_FUNCTION_DESCRIPTION_BEGIN
  !insertmacro MUI_DESCRIPTION_TEXT ${PROGRAM_SECTION} "The program, and its entry in the Start menu."
  !insertmacro MUI_DESCRIPTION_TEXT ${LOGIN_SECTION} "Can be changed at any time in the program's own menu."
!insertmacro MUI_FUNCTION_DESCRIPTION_END

Section "un.${NAME}" UN_PROGRAM_SECTION
  SectionIn RO
  ${If} $Upgrading == ""
    StrCpy $0 $INSTDIR
    Call un.Quit
  ${EndIf}
SectionEnd

; Before the program is deleted: the keyring, and folders that the person chose, are known to it alone.
Section /o "un.Settings, logs and stored keys" UN_SETTINGS_SECTION
  ${If} ${FileExists} "$INSTDIR\${COMMAND}"
    nsExec::ExecToLog /TIMEOUT=${QUIT_MILLISECONDS} '"$INSTDIR\${COMMAND}" uninstall --purge'
    Pop $1
  ${EndIf}
  !insertmacro DELETE_SETTINGS
SectionEnd

Section "-un.files"
  !insertmacro DELETE_PAYLOAD
  ${If} $Upgrading == ""
    Delete "$SMPROGRAMS\${NAME}.lnk"
    ReadRegStr $1 HKCU "${RUN_KEY}" "${RUN_VALUE}"
    ; Another copy of the program, such as one of Python's, may have switched its own start at login on.
    ${If} $1 == ""
    ${OrIf} $1 == '"$INSTDIR\${PROGRAM}" ${MARK}'
      DeleteRegValue HKCU "${RUN_KEY}" "${RUN_VALUE}"
      DeleteRegValue HKCU "${APPROVED_KEY}" "${RUN_VALUE}"
    ${Else}
      StrCpy $Left "$Left$\r$\nThe start at login of another copy: $1"
    ${EndIf}
    DeleteRegKey HKCU "${UNINSTALL_KEY}"
    DeleteRegKey HKCU "${OWN_KEY}"
    Delete "$INSTDIR\${UNINSTALLER}"
    RMDir "$INSTDIR"
    ${If} ${FileExists} "$INSTDIR\*.*"
      StrCpy $Left "$Left$\r$\n$INSTDIR: other files are in it"
    ${EndIf}
    Call un.SayWhatIsLeft
  ${EndIf}
SectionEnd

Function un.SayWhatIsLeft
  ${If} ${FileExists} "$LOCALAPPDATA\${DATA_FOLDER}\*.*"
    ${If} ${SectionIsSelected} ${UN_SETTINGS_SECTION}
      StrCpy $Left "$Left$\r$\n$LOCALAPPDATA\${DATA_FOLDER}: other files are in it"
    ${Else}
      StrCpy $Left "$Left$\r$\n$LOCALAPPDATA\${DATA_FOLDER}: your settings and logs, as you did not choose to delete them"
    ${EndIf}
  ${EndIf}
  ${If} $Left != ""
    DetailPrint "Left: $Left"
    MessageBox MB_OK|MB_ICONINFORMATION "${NAME} is removed. What is left:$\r$\n$Left" /SD IDOK
  ${EndIf}
FunctionEnd

Function un.onInit
  SetShellVarContext current
  ${GetParameters} $0
  ClearErrors
  ${GetOptions} $0 "/UPGRADE" $1
  ${IfNot} ${Errors}
    StrCpy $Upgrading "yes"
  ${EndIf}
  ClearErrors
  ${GetOptions} $0 "/PURGE" $1
  ${IfNot} ${Errors}
    !insertmacro SelectSection ${UN_SETTINGS_SECTION}
  ${EndIf}
FunctionEnd

!insertmacro MUI_UNFUNCTION_DESCRIPTION_BEGIN
  !insertmacro MUI_DESCRIPTION_TEXT ${UN_PROGRAM_SECTION} "The program itself."
  !insertmacro MUI_DESCRIPTION_TEXT ${UN_SETTINGS_SECTION} "Without this they stay, for the next time that you install it."
!insertmacro MUI_UNFUNCTION_DESCRIPTION_END
